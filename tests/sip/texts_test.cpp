// The pure parts: INFO bodies, header texts, session timers.
#include <gtest/gtest.h>

#include "sip/flood_guard.hpp"
#include "sip/header_text.hpp"
#include "sip/info_body.hpp"
#include "sip/session_timer.hpp"

namespace partyline::sip {
namespace {

using namespace std::chrono_literals;

char digit_in(std::string_view type, std::string_view body) {
  const auto wish = parse_info(type, body);
  const auto* digit = std::get_if<InfoDigit>(&wish);
  return digit ? digit->digit : '?';
}

TEST(InfoBodyTest, every_form_of_a_digit_is_read) {
  EXPECT_EQ(digit_in("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), '5');
  EXPECT_EQ(digit_in("Application/DTMF-Relay;charset=utf-8", "Duration=1\nsignal = * \n"), '*');
  EXPECT_EQ(digit_in("application/dtmf-relay", "Signal=11"), '#');
  EXPECT_EQ(digit_in("application/dtmf", " 9\r\n"), '9');
  EXPECT_EQ(digit_in("application/dtmf", "d"), 'D');
  EXPECT_EQ(digit_in("application/dtmf", "Signal=2"), '2');
}

TEST(InfoBodyTest, what_is_no_digit_is_named) {
  EXPECT_TRUE(std::holds_alternative<InfoBad>(parse_info("application/dtmf-relay", "Signal=")));
  EXPECT_TRUE(std::holds_alternative<InfoBad>(parse_info("application/dtmf-relay", "")));
  EXPECT_TRUE(std::holds_alternative<InfoBad>(parse_info("application/dtmf", "55")));
  EXPECT_TRUE(std::holds_alternative<InfoUnknown>(parse_info("text/plain", "5")));
  EXPECT_TRUE(std::holds_alternative<InfoIgnored>(parse_info("", "")));
  EXPECT_TRUE(std::holds_alternative<InfoIgnored>(parse_info("application/media_control+xml", "<media_control/>")));
}

TEST(HeaderTextTest, quoting_keeps_strangers_inside) {
  EXPECT_EQ(quoted("a\"b\\c\r\nd"), "\"a\\\"b\\\\c  d\"");
  EXPECT_EQ(unquoted("\"a\\\"b\""), "a\"b");
  EXPECT_EQ(unquoted("plain"), "plain");
  EXPECT_EQ(unquoted("\""), "\"");
  EXPECT_EQ(warning_header("2001:db8::1", "x"), "399 [2001:db8::1] \"x\"");
  EXPECT_EQ(reason_header(200, ""), "SIP;cause=200");
}

TEST(HeaderTextTest, user_parts_survive_the_way_there_and_back) {
  const std::string name = "Räum 1/@;?";
  EXPECT_EQ(unescape_user(escape_user(name)), name);
  EXPECT_FALSE(unescape_user("a%00b"));
  EXPECT_EQ(unescape_user("100%"), "100%");
  EXPECT_EQ(unescape_user("%4"), "%4");
}

TEST(HeaderTextTest, multipart_bodies_yield_their_sdp_or_nothing) {
  const std::string body =
      "--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nc: application/sdp\r\n\r\nv=0\r\n\r\n--x--";
  EXPECT_EQ(sdp_of_multipart("multipart/mixed; boundary=\"x\"", body), "v=0\r\n");
  EXPECT_FALSE(sdp_of_multipart("multipart/mixed", body));
  EXPECT_FALSE(sdp_of_multipart("multipart/mixed;boundary=y", body));
  EXPECT_FALSE(sdp_of_multipart("multipart/mixed;boundary=x", "--x"));
  EXPECT_FALSE(sdp_of_multipart("multipart/mixed;boundary=", body));
}

const core::TimePoint kStart{std::chrono::hours(1)};

TEST(SessionTimerTest, a_caller_with_the_extension_refreshes_and_we_watch) {
  SessionTimer timer;
  timer.answer_request(SessionExpires{600s, ""}, true, kStart);
  EXPECT_EQ(timer.response_header(), "600;refresher=uac");
  EXPECT_TRUE(timer.requires_timer());
  EXPECT_EQ(timer.tick(kStart + 567s), SessionTimer::Due::nothing);
  EXPECT_EQ(timer.tick(kStart + 568s), SessionTimer::Due::expired);
  EXPECT_EQ(timer.tick(kStart + 999s), SessionTimer::Due::nothing);
}

TEST(SessionTimerTest, for_a_caller_without_the_extension_we_refresh_at_half_time) {
  SessionTimer timer;
  timer.answer_request(SessionExpires{90s, ""}, false, kStart);
  EXPECT_EQ(timer.response_header(), "90;refresher=uas");
  EXPECT_FALSE(timer.requires_timer());
  EXPECT_EQ(timer.tick(kStart + 44s), SessionTimer::Due::nothing);
  EXPECT_EQ(timer.tick(kStart + 45s), SessionTimer::Due::refresh);
  EXPECT_EQ(timer.tick(kStart + 46s), SessionTimer::Due::nothing);
  timer.take_response(SessionExpires{90s, "uac"}, kStart + 46s);
  EXPECT_EQ(timer.tick(kStart + 90s), SessionTimer::Due::nothing);
  EXPECT_EQ(timer.tick(kStart + 91s), SessionTimer::Due::refresh);
}

TEST(SessionTimerTest, a_failed_refresh_is_tried_again_until_the_session_expires) {
  SessionTimer timer;
  timer.answer_request(SessionExpires{90s, "uas"}, true, kStart);
  EXPECT_EQ(timer.tick(kStart + 45s), SessionTimer::Due::refresh);
  timer.refresh_failed(kStart + 46s);
  EXPECT_EQ(timer.tick(kStart + 54s), SessionTimer::Due::nothing);
  EXPECT_EQ(timer.tick(kStart + 55s), SessionTimer::Due::refresh);
  EXPECT_EQ(timer.tick(kStart + 60s), SessionTimer::Due::expired);
}

TEST(SessionTimerTest, an_answer_without_session_expires_means_no_timer) {
  SessionTimer timer;
  timer.take_response(std::nullopt, kStart);
  EXPECT_FALSE(timer.active());
  EXPECT_EQ(timer.request_header(), "");
  EXPECT_EQ(timer.tick(kStart + 24h), SessionTimer::Due::nothing);
}

TEST(FloodGuardTest, a_source_gets_its_burst_then_its_rate_and_others_are_not_touched) {
  FloodGuard guard(10);
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += guard.admit("192.0.2.1", kStart);
  EXPECT_EQ(admitted, 20);
  EXPECT_TRUE(guard.admit("192.0.2.2", kStart));
  EXPECT_FALSE(guard.admit("192.0.2.1", kStart + 90ms));
  EXPECT_TRUE(guard.admit("192.0.2.1", kStart + 110ms));
  EXPECT_FALSE(guard.admit("192.0.2.1", kStart + 115ms));
}

TEST(FloodGuardTest, all_addresses_of_an_ipv6_network_are_one_source) {
  FloodGuard guard(10);
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += guard.admit("2001:db8:1:2::" + std::to_string(i), kStart);
  EXPECT_EQ(admitted, 20);
  EXPECT_TRUE(guard.admit("2001:db8:1:3::1", kStart));
}

TEST(FloodGuardTest, the_table_of_sources_stays_bounded) {
  FloodGuard guard(1);
  for (size_t i = 0; i < 3 * FloodGuard::kMaxSources; ++i) guard.admit(std::to_string(i), kStart);
  EXPECT_LE(guard.sources(), FloodGuard::kMaxSources);
}

}  // namespace
}  // namespace partyline::sip
