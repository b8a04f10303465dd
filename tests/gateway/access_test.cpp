#include "gateway/access.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

core::http::Request local_request() {
  core::http::Request request;
  request.remote_address = "127.0.0.1";
  request.remote_is_loopback = true;
  request.headers = {{"Host", "localhost:8080"}};
  return request;
}

TEST(Access, WithoutATokenOnlyThisMachineMayUseTheApi) {
  EXPECT_TRUE(check_api_access(local_request(), ""));
  auto stranger = local_request();
  stranger.remote_is_loopback = false;
  EXPECT_EQ(check_api_access(stranger, "").error().code, core::ErrorCode::forbidden);
}

TEST(Access, AProxysForwardedRequestIsNotFromThisMachine) {
  auto request = local_request();
  request.headers.emplace_back("X-Forwarded-For", "198.51.100.7");
  EXPECT_FALSE(check_api_access(request, ""));
}

TEST(Access, AHookThatCameThroughAProxyOrFromAPageIsNotBelievedForItsAddress) {
  for (const char* mark : {"X-Forwarded-For", "Via", "X-Real-IP", "Origin"}) {
    auto request = local_request();
    request.headers.emplace_back(mark, "198.51.100.7");
    EXPECT_FALSE(check_hook_access(request, "", {"127.0.0.1"})) << mark;
    request.query["token"] = "t";
    EXPECT_TRUE(check_hook_access(request, "t", {})) << mark;
  }
}

TEST(Access, ARebondHostNameIsNotThisMachine) {
  auto request = local_request();
  for (const char* host :
       {"evil.example:8080", "127.evil.example", "127.0.0.1.evil.example:8080", "[::1", "[::1].evil", ""}) {
    request.headers = {{"Host", host}};
    EXPECT_EQ(check_api_access(request, "").has_value(), std::string_view(host).starts_with("[::1")) << host;
  }
  for (const char* host : {"127.0.0.1:8080", "127.8.9.10", "[::1]:8080", "localhost"}) {
    request.headers = {{"Host", host}};
    EXPECT_TRUE(check_api_access(request, "")) << host;
  }
}

TEST(Access, ATokenIsAskedOfEverybody) {
  auto request = local_request();
  EXPECT_EQ(check_api_access(request, "secret").error().code, core::ErrorCode::unauthorized);
  request.headers.emplace_back("Authorization", "Bearer secret");
  EXPECT_TRUE(check_api_access(request, "secret"));
  EXPECT_FALSE(check_api_access(request, "secret2"));
}

TEST(Access, HooksAreBelievedByTokenOrAddress) {
  auto request = local_request();
  EXPECT_TRUE(check_hook_access(request, "", {"127.0.0.1"}));
  EXPECT_FALSE(check_hook_access(request, "", {"192.0.2.1"}));
  EXPECT_FALSE(check_hook_access(request, "t", {"127.0.0.1"}));
  request.query["token"] = "t";
  EXPECT_TRUE(check_hook_access(request, "t", {}));
}

}  // namespace
}  // namespace partyline::gateway
