#include "whip_client/resource_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace partyline::whip_client {
namespace {

using core::ErrorCode;
using core::http::Response;
using namespace std::chrono_literals;

Response response(int status, core::http::Headers headers = {}, std::string body = {}) {
  Response r;
  r.status = status;
  r.headers = std::move(headers);
  r.body = std::move(body);
  return r;
}

TEST(Resolve, FollowsRfc3986WithoutTouchingABit) {
  struct Case {
    const char *base, *reference, *expected;
  };
  const Case cases[] = {
      // SRS, verbatim: the session's colon, plus and slash must survive.
      {"http://127.0.0.1:1985/rtc/v1/whep/?app=live&stream=d1",
       "/rtc/v1/whip/?action=delete&token=02g1303c9&app=live&stream=d1&session=n9af93a0:+zk/t",
       "http://127.0.0.1:1985/rtc/v1/whip/?action=delete&token=02g1303c9&app=live&stream=d1&session=n9af93a0:+zk/t"},
      {"http://h/whip/a/b", "/res/a%20b%2Fc", "http://h/res/a%20b%2Fc"},
      {"http://h/whip/a/b", "https://other:8443/x?y=1", "https://other:8443/x?y=1"},
      {"https://h/whip/a/b", "//cdn.example/x", "https://cdn.example/x"},
      {"http://h/whip/a/b?q=1", "res/7", "http://h/whip/a/res/7"},
      {"http://h/whip/a/b", "./7", "http://h/whip/a/7"},
      {"http://h/whip/a/b", "../../7", "http://h/7"},
      {"http://h/whip/a/b", "../../../../7", "http://h/7"},
      {"http://h/whip/a/b?q=1", "?r=2", "http://h/whip/a/b?r=2"},
      {"http://h/whip/a/b?q=1", "", "http://h/whip/a/b?q=1"},
      {"http://h", "res/7", "http://h/res/7"},
      {"http://h", "?x", "http://h?x"},
      {"HTTP://h/a", "b", "HTTP://h/b"},
      {"http://h/a#frag", "/b#frag", "http://h/b"},
      {"http://[::1]:80/a/b", "c", "http://[::1]:80/a/c"},
  };
  for (const Case& c : cases) EXPECT_EQ(resolve(c.base, c.reference), c.expected) << c.reference;
}

TEST(Resolve, RefusesWhatIsNoUrlOrCouldSplitARequest) {
  EXPECT_EQ(resolve("ftp://h/a", "/b"), std::nullopt);
  EXPECT_EQ(resolve("", "/b"), std::nullopt);
  EXPECT_EQ(resolve("http://", "/b"), std::nullopt);
  EXPECT_EQ(resolve("http://h/", "/b\r\nX: y"), std::nullopt);
  EXPECT_EQ(resolve("http://h/", "/a b"), std::nullopt);
  EXPECT_EQ(resolve("http://h/", "//"), std::nullopt);
}

TEST(SameOrigin, ComparesSchemeHostAndPortWithDefaults) {
  EXPECT_TRUE(same_origin("http://H:80/a", "http://h/b?c"));
  EXPECT_TRUE(same_origin("https://h/", "https://h:443"));
  EXPECT_TRUE(same_origin("http://[::1]:8080/", "http://[::1]:8080/x"));
  EXPECT_TRUE(same_origin("http://user@h/", "http://h/"));
  EXPECT_FALSE(same_origin("http://h/", "https://h/"));
  EXPECT_FALSE(same_origin("http://h/", "http://h:81/"));
  EXPECT_FALSE(same_origin("http://h/", "http://h.evil/"));
  EXPECT_FALSE(same_origin("http://h@evil/", "http://h/"));
  EXPECT_FALSE(same_origin("nonsense", "nonsense"));
}

TEST(HostOf, LeavesPortAndBracketsAway) {
  EXPECT_EQ(host_of("http://127.0.0.1:1985/rtc"), "127.0.0.1");
  EXPECT_EQ(host_of("https://[2001:db8::1]:8443/x"), "2001:db8::1");
  EXPECT_EQ(host_of("http://sfu.example"), "sfu.example");
  EXPECT_EQ(host_of("sfu.example"), "");
}

TEST(ThisMachine, IsWhatNoFirewallStandsBefore) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"})
    EXPECT_TRUE(is_this_machine(host));
  for (const char* host : {"", "example.net", "localhost.example.net", "10.0.0.1", "::", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(is_this_machine(host)) << host;
  }
}

TEST(Redirects, KeepGoingToTheNamedPlace) {
  for (const int status : {301, 302, 307, 308}) {
    const auto target =
        redirect_target("http://h/rtc/v1/whep?app=a", response(status, {{"location", "/rtc/v1/whep/?app=a"}}), 0);
    ASSERT_TRUE(target && *target) << status;
    EXPECT_EQ(**target, "http://h/rtc/v1/whep/?app=a");
  }
  EXPECT_FALSE(redirect_target("http://h/", response(201, {{"Location", "/res"}}), 0));
  EXPECT_FALSE(redirect_target("http://h/", response(303, {{"Location", "/res"}}), 0)) << "303 would change the method";
}

TEST(Redirects, AreRefusedInCirclesWithoutLocationAndFromHttpsToHttp) {
  const Response there = response(307, {{"Location", "/b"}});
  EXPECT_TRUE(*redirect_target("http://h/a", there, kMaxRedirects - 1));
  EXPECT_FALSE(*redirect_target("http://h/a", there, kMaxRedirects));
  EXPECT_FALSE(*redirect_target("http://h/a", response(307), 0));
  EXPECT_FALSE(*redirect_target("https://h/a", response(307, {{"Location", "http://h/b"}}), 0));
  EXPECT_TRUE(*redirect_target("http://h/a", response(307, {{"Location", "https://h/b"}}), 0));
}

TEST(IceServers, AreReadFromLinkHeaders) {
  const auto servers = ice_servers_of({
      {"link", R"(<stun:stun.example.net>; rel="ice-server")"},
      {"Link",
       R"(<turn:turn.example.net?transport=udp>; rel="ice-server"; username="us\"er, 1"; )"
       R"(credential="my;Pass"; credential-type="password", <turns:t.example>;rel=ice-server;username=u;credential=p)"},
      {"Link", R"(<https://example.net/ext>; rel="urn:ietf:params:whep:ext:core:server-sent-events")"},
      {"Link", R"(<javascript:alert(1)>; rel="ice-server")"},
  });
  ASSERT_EQ(servers.size(), 3u);
  EXPECT_EQ(servers[0].url, "stun:stun.example.net");
  EXPECT_EQ(servers[1].url, "turn:turn.example.net?transport=udp");
  EXPECT_EQ(servers[1].username, "us\"er, 1");
  EXPECT_EQ(servers[1].credential, "my;Pass");
  EXPECT_EQ(servers[2].url, "turns:t.example");
  EXPECT_EQ(servers[2].credential, "p");
}

TEST(IceServers, AreBoundedAndSurviveNonsense) {
  core::http::Headers many(100, {"Link", R"(<stun:a>; rel="ice-server")"});
  EXPECT_EQ(ice_servers_of(many).size(), kMaxIceServers);
  for (const char* bad : {"", "<", "<stun:a", "stun:a; rel=ice-server", "<stun:a>; rel=\"ice-server", "<stun:a>;;;=;",
                          "<stun:a>; rel=\"ice-server\\", ",,,", "<stun:a>;rel"}) {
    EXPECT_TRUE(ice_servers_of({{"Link", bad}}).empty()) << bad;
  }
  EXPECT_TRUE(ice_servers_of({{"Link", std::string(100'000, '<')}}).empty());
}

TEST(Refusals, SayWhatAStatusMeansForTheNextAttempt) {
  struct Case {
    int status;
    RefusalKind publishing, playing;
  };
  const Case cases[] = {
      {200, RefusalKind::broken, RefusalKind::broken},
      {400, RefusalKind::unfit, RefusalKind::unfit},
      {401, RefusalKind::denied, RefusalKind::denied},
      {403, RefusalKind::denied, RefusalKind::denied},
      {404, RefusalKind::unfit, RefusalKind::not_yet},
      {406, RefusalKind::unfit, RefusalKind::unfit},
      {409, RefusalKind::busy, RefusalKind::not_yet},
      {422, RefusalKind::unfit, RefusalKind::unfit},
      {429, RefusalKind::unavailable, RefusalKind::unavailable},
      {500, RefusalKind::unavailable, RefusalKind::unavailable},
      {502, RefusalKind::unavailable, RefusalKind::unavailable},
      {503, RefusalKind::unavailable, RefusalKind::unavailable},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(refusal_of(response(c.status), true).kind, c.publishing) << c.status;
    EXPECT_EQ(refusal_of(response(c.status), false).kind, c.playing) << c.status;
  }
}

TEST(Refusals, QuoteTheServersWordsSafelyAndItsRetryAfter) {
  const Refusal srs = refusal_of(response(400, {}, "5012: RtcSdpDecode\nmore"), true);
  EXPECT_THAT(srs.why, testing::HasSubstr("400: 5012: RtcSdpDecode)"));
  EXPECT_THAT(refusal_of(response(500, {}, "<html>"), true).why, testing::Not(testing::HasSubstr("<html>")));
  EXPECT_THAT(refusal_of(response(500, {}, "a\x1b[31mb"), true).why, testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_EQ(refusal_of(response(503, {{"retry-after", "7"}}), true).retry_after, 7s);
  EXPECT_EQ(refusal_of(response(503, {{"Retry-After", "86400"}}), true).retry_after, 60s);
  EXPECT_EQ(refusal_of(response(503, {{"Retry-After", "-1"}}), true).retry_after, std::nullopt);
  EXPECT_EQ(refusal_of(response(503, {{"Retry-After", "Fri, 31 Dec"}}), true).retry_after, std::nullopt);
}

TEST(Refusals, TakeAnEmptyReplyToAPublisherForABusyName) {
  const core::Error empty{ErrorCode::unavailable, "127.0.0.1:1985: closed the connection without an answer"};
  EXPECT_EQ(refusal_of(empty, true).kind, RefusalKind::busy);
  EXPECT_EQ(refusal_of(empty, false).kind, RefusalKind::unavailable);
  EXPECT_EQ(refusal_of(core::Error{ErrorCode::unavailable, "connection refused"}, true).kind, RefusalKind::unavailable);
  EXPECT_EQ(refusal_of(core::Error{ErrorCode::timeout, "no answer"}, true).kind, RefusalKind::unavailable);
  EXPECT_EQ(refusal_of(core::Error{ErrorCode::invalid, "not a URL"}, true).kind, RefusalKind::broken);
}

TEST(RestartAnswers, AreCredentialsOrAReasonToTryAgainOrToMakeANewResource) {
  const std::string fragment = "a=ice-lite\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
  const auto theirs = restart_answer(response(200, {}, fragment));
  ASSERT_TRUE(std::holds_alternative<rtp::IceDescription>(theirs));
  EXPECT_EQ(std::get<rtp::IceDescription>(theirs).ufrag, "abcd");
  const auto kind = [](const auto& answer) { return std::get<Refusal>(answer).kind; };
  EXPECT_EQ(kind(restart_answer(response(200, {}, "a=ice-ufrag:abcd\r\n"))), RefusalKind::broken);
  for (const int again : {408, 429, 500, 502, 503, 504})
    EXPECT_EQ(kind(restart_answer(response(again))), RefusalKind::unavailable) << again;
  for (const int never : {204, 400, 404, 405, 410, 412, 415, 422, 428, 501})
    EXPECT_NE(kind(restart_answer(response(never))), RefusalKind::unavailable) << never;
}

}  // namespace
}  // namespace partyline::whip_client
