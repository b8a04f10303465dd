// The relay between two real HTTP servers: ours in front, and one that answers as SRS does.
#include "gateway/sfu_relay.hpp"

#include <gtest/gtest.h>

#include "tests/support/http_loop.hpp"

namespace partyline::gateway {
namespace {

namespace http = core::http;
using boost::asio::awaitable;

class SfuRelayTest : public ::testing::Test {
 protected:
  SfuRelayTest()
      : sfu_(io_.get_executor(), test::loopback_server()), front_(io_.get_executor(), test::loopback_server()) {}

  void SetUp() override {
    const auto answer = [this](http::Request request) -> awaitable<http::Response> {
      seen_.push_back(request);
      co_return reply_;
    };
    for (const char* method : {"POST", "PATCH", "DELETE"}) sfu_.route(method, "/rtc/v1/{what}/", answer);
    ASSERT_TRUE(sfu_.start());
    const std::string base = "http://127.0.0.1:" + std::to_string(sfu_.port());
    services_.config = &config_;
    services_.whip_url = base + "/rtc/v1/whip/?app={room}&stream={stream}";
    services_.whep_url = base + "/rtc/v1/whep/?app={room}&stream={stream}";
    relay_.add_routes(front_);
    ASSERT_TRUE(front_.start());
    reply_ = {201,
              {{"Content-Type", "application/sdp"}, {"Location", "/rtc/v1/whip/?action=delete&session=ab:+c/d"}},
              "v=0",
              {}};
  }
  void TearDown() override {
    front_.stop();
    sfu_.stop();
    io_.restart();
    io_.run_for(std::chrono::milliseconds(100));
  }

  http::Response ask(const std::string& method, const std::string& path, http::Headers headers = {},
                     const std::string& body = "offer") {
    if (method == "POST") headers.emplace_back("Content-Type", "application/sdp");
    const auto url = "http://127.0.0.1:" + std::to_string(front_.port()) + path;
    auto response = test::fetch(io_, method, url, body, std::move(headers));
    EXPECT_TRUE(response);
    return response ? *response : http::Response{};
  }

  boost::asio::io_context io_;
  Config config_;
  Services services_;
  http::Server sfu_, front_;
  SfuRelay relay_{services_};
  http::Response reply_;
  std::vector<http::Request> seen_;
};

TEST_F(SfuRelayTest, AnOfferGoesToTheSfuAndItsSessionGetsANameOfOurs) {
  const auto created = ask("POST", "/whip/demo/alice?display=Alice%20B.");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, "v=0");
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].target, "/rtc/v1/whip/?app=demo&stream=alice&display=Alice%20B.");
  EXPECT_EQ(seen_[0].body, "offer");
  const auto location = http::find_header(created.headers, "Location");
  ASSERT_TRUE(location);
  EXPECT_TRUE(location->starts_with("/whip/demo/alice/")) << *location;

  const std::string session(*location);
  reply_ = {200, {}, {}, {}};
  EXPECT_EQ(ask("DELETE", session, {}, "").status, 200);
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[1].method, "DELETE");
  EXPECT_EQ(seen_[1].target, "/rtc/v1/whip/?action=delete&session=ab:+c/d") << "byte for byte";
  EXPECT_EQ(ask("DELETE", session, {}, "").status, 404) << "a session ends once";
}

TEST_F(SfuRelayTest, AVisitorCannotNameAnotherStreamInHisQuery) {
  EXPECT_EQ(
      ask("POST", "/whip/demo/alice?app=other&stream=mix&vhost=v&partyline=x&display=a%26app%3Dother;stream=y").status,
      201);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].target, "/rtc/v1/whip/?app=demo&stream=alice&display=a%26app%3Dother%3Bstream%3Dy");
}

TEST_F(SfuRelayTest, ItsRefusalsBecomeStatusesThatPagesUnderstand) {
  reply_ = {409, {{"Content-Type", "text/plain"}}, "5020: RtcStreamBusy", {}};
  EXPECT_EQ(ask("POST", "/whip/demo/alice").status, 409);
  EXPECT_EQ(ask("POST", "/whep/demo/mix~alice").status, 404) << "nothing to play yet";
  reply_ = {401, {}, {}, {}};
  EXPECT_EQ(ask("POST", "/whip/demo/alice").status, 403);
  reply_ = {503, {{"Retry-After", "7"}}, {}, {}};
  const auto away = ask("POST", "/whip/demo/alice");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(http::find_header(away.headers, "Retry-After"), "7");
  sfu_.stop();
  EXPECT_EQ(ask("POST", "/whip/demo/alice").status, 503);
}

TEST_F(SfuRelayTest, StrangersAndForeignNamesAreRefusedBeforeTheSfuHearsOfThem) {
  EXPECT_EQ(ask("POST", "/whip/demo/mix").status, 403);
  EXPECT_EQ(ask("POST", "/whip/demo/a%20b").status, 400);
  EXPECT_EQ(ask("POST", "/whip/a%2Fb/alice").status, 400);
  EXPECT_EQ(ask("POST", "/whep/demo/mix~a%26b").status, 400);
  config_.sfu.publish_token = "secret";
  EXPECT_EQ(ask("POST", "/whip/demo/alice").status, 401);
  EXPECT_EQ(ask("POST", "/whip/demo/alice", {{"Authorization", "Bearer wrong"}}).status, 401);
  EXPECT_TRUE(seen_.empty());
}

TEST_F(SfuRelayTest, OurOwnTokenGoesToTheSfuAndTheVisitorsDoesNot) {
  config_.sfu.publish_token = "visitors";
  config_.sfu.token = "ours";
  EXPECT_EQ(ask("POST", "/whip/demo/alice", {{"Authorization", "Bearer visitors"}}).status, 201);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].header("Authorization"), "Bearer ours");
  config_.sfu.token.clear();
  EXPECT_EQ(ask("POST", "/whip/demo/alice", {{"Authorization", "Bearer visitors"}}).status, 201);
  EXPECT_FALSE(seen_[1].header("Authorization"));
}

}  // namespace
}  // namespace partyline::gateway
