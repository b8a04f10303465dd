// Calls that we dial: two agents against each other, and an agent against a phone that says exactly what the test
// wants.
#include "tests/sip/support.hpp"

namespace partyline::sip {
namespace {

UserAgentConfig fast() {
  UserAgentConfig config;
  config.t1 = std::chrono::milliseconds(20);  // 64*T1 is 1.28 s
  return config;
}

std::string uri_of(const App& app, const std::string& user = "room1", const std::string& parameters = "") {
  return "sip:" + user + "@127.0.0.1:" + std::to_string(app.agent->port()) + parameters;
}

TEST(OutgoingCallTest, a_dialled_call_rings_is_answered_and_hung_up_over_udp_and_tcp) {
  App caller, callee;
  ASSERT_TRUE(caller.agent->start());
  ASSERT_TRUE(callee.agent->start());
  for (const std::string parameters : {"", ";transport=tcp"}) {
    const CallId out = caller.agent->dial(uri_of(callee, "b%20b", parameters), "room 7", "Room \"7\"", kOffer);
    const auto incoming = callee.take("incoming");
    ASSERT_TRUE(incoming);
    EXPECT_EQ(incoming->text, kOffer);
    EXPECT_EQ(callee.last_call.room, "b b");
    EXPECT_EQ(callee.last_call.from_uri, "sip:room%207@127.0.0.1");
    EXPECT_EQ(callee.last_call.display_name, "Room \"7\"");
    callee.agent->ring(incoming->call);
    EXPECT_EQ(caller.take("progress")->status, 180);
    callee.agent->answer(incoming->call, kAnswer);
    EXPECT_EQ(caller.take("answered")->text, kAnswer);
    EXPECT_TRUE(callee.take("established"));
    caller.agent->hang_up(out, "over");
    EXPECT_EQ(caller.take("ended")->cause, EndCause::local_bye);
    const auto ended = callee.take("ended");
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->cause, EndCause::remote_bye);
    EXPECT_EQ(ended->text, "over");
  }
}

TEST(OutgoingCallTest, hanging_up_before_the_answer_cancels) {
  App caller, callee;
  ASSERT_TRUE(caller.agent->start());
  ASSERT_TRUE(callee.agent->start());
  const CallId out = caller.agent->dial(uri_of(callee), "room", "", kOffer);
  ASSERT_TRUE(callee.take("incoming"));
  caller.agent->hang_up(out, "nobody waits");
  EXPECT_EQ(caller.take("ended")->cause, EndCause::cancelled);
  const auto ended = callee.take("ended");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->cause, EndCause::cancelled);
  EXPECT_EQ(ended->text, "nobody waits");
}

TEST(OutgoingCallTest, a_refusal_is_told_with_its_status) {
  App caller, callee;
  ASSERT_TRUE(caller.agent->start());
  ASSERT_TRUE(callee.agent->start());
  caller.agent->dial(uri_of(callee), "room", "", kOffer);
  const auto incoming = callee.take("incoming");
  ASSERT_TRUE(incoming);
  callee.agent->reject(incoming->call, {.status = 603, .phrase = {}, .warning = {}});
  const auto ended = caller.take("ended");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->cause, EndCause::rejected);
  EXPECT_EQ(ended->status, 603);
}

TEST(OutgoingCallTest, what_is_no_sip_uri_ends_at_once) {
  App caller;
  ASSERT_TRUE(caller.agent->start());
  for (const char* target : {"", "sip:", "sip:a@b\r\nX: y", "sip:<x>"}) {
    caller.agent->dial(target, "room", "", kOffer);
    EXPECT_EQ(caller.take("ended")->cause, EndCause::rejected) << target;
  }
}

TEST(OutgoingCallTest, a_phone_that_never_answers_times_out) {
  App caller(fast());
  ASSERT_TRUE(caller.agent->start());
  RawPhone deaf(0, false);
  caller.agent->dial("sip:x@127.0.0.1:" + std::to_string(deaf.port()), "room", "", kOffer);
  EXPECT_EQ(caller.take("ended")->cause, EndCause::timeout);
}

TEST(OutgoingCallTest, a_closed_tcp_port_is_a_transport_error) {
  App caller(fast());
  ASSERT_TRUE(caller.agent->start());
  uint16_t closed = 0;
  {
    RawPhone probe(0, true);
    closed = probe.port();
  }
  caller.agent->dial("sip:x@127.0.0.1:" + std::to_string(closed) + ";transport=tcp", "room", "", kOffer);
  const auto ended = caller.take("ended");
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->cause == EndCause::transport || ended->cause == EndCause::timeout);
}

TEST(OutgoingCallTest, a_repeated_200_gets_another_ack) {
  App caller;
  ASSERT_TRUE(caller.agent->start());
  RawPhone phone(0, false);
  const CallId out = caller.agent->dial("sip:x@127.0.0.1:" + std::to_string(phone.port()), "room", "", kOffer);
  const std::string invite = phone.receive_request("INVITE");
  ASSERT_NE(invite, "");
  EXPECT_EQ(body_part(invite), kOffer);
  phone.reply(invite, "200 OK", {}, kAnswer);
  EXPECT_NE(phone.receive_request("ACK"), "");
  phone.reply(invite, "200 OK", {}, kAnswer);
  EXPECT_NE(phone.receive_request("ACK"), "");
  EXPECT_TRUE(caller.take("answered"));
  EXPECT_FALSE(caller.take("answered", std::chrono::milliseconds(50)));
  caller.agent->hang_up(out, "");
  phone.reply(phone.receive_request("BYE"), "200 OK");
}

TEST(OutgoingCallTest, a_422_is_answered_with_the_wanted_interval) {
  App caller;
  ASSERT_TRUE(caller.agent->start());
  RawPhone phone(0, false);
  caller.agent->dial("sip:x@127.0.0.1:" + std::to_string(phone.port()), "room", "", kOffer);
  const std::string first = phone.receive_request("INVITE");
  EXPECT_EQ(header_of(first, "Session-Expires"), "1800");
  phone.reply(first, "422 Session Interval Too Small", "Min-SE: 3600\r\n");
  const std::string second = phone.receive([&](const std::string& m) {
    return m.rfind("INVITE", 0) == 0 && header_of(m, "CSeq") != header_of(first, "CSeq");
  });
  EXPECT_EQ(header_of(second, "Session-Expires"), "3600");
  EXPECT_EQ(header_of(second, "Min-SE"), "3600");
  phone.reply(second, "486 Busy Here");
  EXPECT_EQ(caller.take("ended")->status, 486);
}

TEST(OutgoingCallTest, a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up) {
  App caller;
  ASSERT_TRUE(caller.agent->start());
  RawPhone phone(0, false);
  const CallId out = caller.agent->dial("sip:x@127.0.0.1:" + std::to_string(phone.port()), "room", "", kOffer);
  const std::string invite = phone.receive_request("INVITE");
  phone.reply(invite, "180 Ringing");
  EXPECT_TRUE(caller.take("progress"));
  caller.agent->hang_up(out, "too late");
  const std::string cancel = phone.receive_request("CANCEL");
  phone.reply(invite, "200 OK", {}, kAnswer);
  phone.reply(cancel, "481 Too Late");
  EXPECT_NE(phone.receive_request("ACK"), "");
  const std::string bye = phone.receive_request("BYE");
  EXPECT_NE(bye, "");
  phone.reply(bye, "200 OK");
  EXPECT_EQ(caller.take("ended")->cause, EndCause::cancelled);
  EXPECT_FALSE(caller.take("ended", std::chrono::milliseconds(50)));
}

TEST(OutgoingCallTest, an_invite_larger_than_the_mtu_is_taken_over_udp) {
  App callee;
  ASSERT_TRUE(callee.agent->start());
  RawPhone phone(callee.agent->port(), false);
  std::string sdp = kOffer;
  while (sdp.size() < 40000) sdp += "a=candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host\r\n";
  phone.request("INVITE", 1, {}, sdp);
  const auto incoming = callee.take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->text, sdp);
}

TEST(OutgoingCallTest, a_large_offer_of_ours_arrives) {
  App caller, callee;
  ASSERT_TRUE(caller.agent->start());
  ASSERT_TRUE(callee.agent->start());
  std::string sdp = kOffer;
  while (sdp.size() < 4000) sdp += "a=candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host\r\n";
  caller.agent->dial(uri_of(callee), "room", "", sdp);
  const auto incoming = callee.take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->text, sdp);
}

TEST(UserAgentLimitsTest, two_hundred_calls_in_a_burst_are_all_answered_and_all_end) {
  App caller, callee;
  callee.auto_answer();
  ASSERT_TRUE(caller.agent->start());
  ASSERT_TRUE(callee.agent->start());
  std::vector<CallId> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(caller.agent->dial(uri_of(callee), "room", "", kOffer));
  EXPECT_TRUE(caller.wait_count("answered", 200)) << caller.count("answered");
  EXPECT_TRUE(callee.wait_count("established", 200)) << callee.count("established");
  for (const CallId call : calls) caller.agent->hang_up(call, "");
  EXPECT_TRUE(callee.wait_count("ended", 200)) << callee.count("ended");
  EXPECT_TRUE(caller.wait_count("ended", 200));
}

TEST(UserAgentLimitsTest, one_call_more_than_max_calls_gets_503_with_retry_after) {
  UserAgentConfig config;
  config.max_calls = 1;
  App app(config);
  ASSERT_TRUE(app.agent->start());
  RawPhone first(app.agent->port(), false), second(app.agent->port(), false);
  first.request("INVITE", 1, {}, kOffer);
  const auto incoming = app.take("incoming");
  ASSERT_TRUE(incoming);
  second.request("INVITE", 1, {}, kOffer);
  EXPECT_NE(header_of(second.response(503, "INVITE"), "Retry-After"), "");
  second.to_tag.clear();
  second.request("OPTIONS", 2);
  EXPECT_NE(second.response(503, "OPTIONS"), "");
  app.agent->reject(incoming->call, {});
  ASSERT_TRUE(app.take("ended"));
  second.to_tag.clear();
  second.request("INVITE", 3, {}, kOffer);
  EXPECT_TRUE(app.take("incoming"));
}

TEST(UserAgentLimitsTest, a_source_that_asks_too_often_gets_503) {
  UserAgentConfig config;
  config.requests_per_second_per_source = 1;
  App app(config);
  ASSERT_TRUE(app.agent->start());
  RawPhone phone(app.agent->port(), false);
  for (uint32_t cseq = 1; cseq <= 3; ++cseq) {
    phone.to_tag.clear();
    phone.request("OPTIONS", cseq);
    EXPECT_NE(phone.response(cseq < 3 ? 200 : 503, "OPTIONS"), "") << cseq;
  }
}

TEST(UserAgentLimitsTest, tcp_connections_that_say_nothing_or_are_too_many_are_ended_and_others_stay) {
  UserAgentConfig config;
  config.tcp_silence = std::chrono::milliseconds(300);
  config.tcp_connections_per_source = 3;
  App app(config);
  ASSERT_TRUE(app.agent->start());
  RawPhone first(app.agent->port(), true), second(app.agent->port(), true);
  for (RawPhone* phone : {&first, &second}) {
    phone->request("OPTIONS", 1);
    ASSERT_NE(phone->response(200, "OPTIONS"), "");
  }
  RawPhone silent(app.agent->port(), true);
  EXPECT_TRUE(silent.is_closed());
  RawPhone third(app.agent->port(), true);
  third.request("OPTIONS", 1);
  ASSERT_NE(third.response(200, "OPTIONS"), "");
  RawPhone fourth(app.agent->port(), true);
  fourth.send("\r\n\r\n");
  EXPECT_TRUE(fourth.is_closed());
  for (RawPhone* phone : {&first, &second, &third}) {
    phone->to_tag.clear();  // there is no dialog
    phone->request("OPTIONS", 2);
    EXPECT_NE(phone->response(200, "OPTIONS"), "");
  }
}

TEST(UserAgentLimitsTest, a_call_ended_while_an_offer_waits_answers_the_offer_with_487) {
  App app;
  ASSERT_TRUE(app.agent->start());
  RawPhone phone(app.agent->port(), false);
  phone.request("INVITE", 1, {}, kOffer);
  const auto incoming = app.take("incoming");
  ASSERT_TRUE(incoming);
  app.agent->answer(incoming->call, kAnswer);
  EXPECT_NE(phone.response(200, "INVITE"), "");
  phone.request("ACK", 1);
  ASSERT_TRUE(app.take("established"));
  phone.request("INVITE", 2, {}, kHoldOffer);
  ASSERT_TRUE(app.take("offer"));
  app.agent->hang_up(incoming->call, "now");
  const std::string bye =
      phone.receive([](const std::string& m) { return is_status(m, 487) || m.rfind("BYE", 0) == 0; });
  EXPECT_NE(bye, "");
  EXPECT_NE(phone.receive([](const std::string& m) { return is_status(m, 487) || m.rfind("BYE", 0) == 0; }), "");
}

TEST(UserAgentLimitsTest, an_ack_that_never_comes_ends_the_call_with_bye) {
  App app(fast());
  ASSERT_TRUE(app.agent->start());
  for (const bool tcp : {false, true}) {
    RawPhone phone(app.agent->port(), tcp);
    phone.request("INVITE", 1, {}, kOffer);
    const auto incoming = app.take("incoming");
    ASSERT_TRUE(incoming);
    app.agent->answer(incoming->call, kAnswer);
    EXPECT_NE(phone.response(200, "INVITE"), "");
    EXPECT_NE(phone.response(200, "INVITE"), "");  // retransmitted until the ACK, over TCP too (RFC 3261 §13.3.1.4)
    const auto ended = app.take("ended");
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->cause, EndCause::timeout);
    const std::string bye = phone.receive_request("BYE");
    EXPECT_NE(bye, "");
    phone.reply(bye, "200 OK");
  }
}

TEST(UserAgentLimitsTest, an_answer_to_a_phone_whose_connection_is_gone_ends_the_call) {
  App app(fast());
  ASSERT_TRUE(app.agent->start());
  std::optional<Event> incoming;
  {
    RawPhone phone(app.agent->port(), true);
    phone.request("INVITE", 1, {}, kOffer);
    incoming = app.take("incoming");
  }
  ASSERT_TRUE(incoming);
  app.agent->answer(incoming->call, kAnswer);
  const auto ended = app.take("ended");
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->cause == EndCause::transport || ended->cause == EndCause::timeout);
}

TEST(UserAgentLimitsTest, a_port_in_use_is_a_clear_error_for_udp_and_for_tcp) {
  App first;
  ASSERT_TRUE(first.agent->start());
  UserAgentConfig config;
  config.port = first.agent->port();
  App second(config);
  const auto started = second.agent->start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find(std::to_string(config.port)), std::string::npos);
  EXPECT_NE(started.error().message.find("in use"), std::string::npos) << started.error().message;
  RawPhone tcp_only(0, true);
  config.port = tcp_only.port();
  App third(config);
  EXPECT_FALSE(third.agent->start());
}

TEST(UserAgentLimitsTest, bound_to_the_wildcard_the_contact_is_the_address_the_phone_reached) {
  UserAgentConfig config;
  config.listen_address = "";  // the support class replaces 0.0.0.0
  App app(config);
  ASSERT_TRUE(app.agent->start());
  RawPhone phone(app.agent->port(), false);
  phone.target = "sip:room1@127.0.0.1:" + std::to_string(app.agent->port());
  phone.request("INVITE", 1, {}, kOffer);
  const auto incoming = app.take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(app.last_call.local_address, "127.0.0.1");
  app.agent->answer(incoming->call, kAnswer);
  EXPECT_NE(header_of(phone.response(200, "INVITE"), "Contact").find("@127.0.0.1:"), std::string::npos);
}

TEST(UserAgentLimitsTest, an_advertised_address_goes_into_the_contact) {
  UserAgentConfig config;
  config.advertised_address = "192.0.2.7";
  App app(config);
  ASSERT_TRUE(app.agent->start());
  RawPhone phone(app.agent->port(), false);
  phone.request("INVITE", 1, {}, kOffer);
  const auto incoming = app.take("incoming");
  ASSERT_TRUE(incoming);
  app.agent->answer(incoming->call, kAnswer);
  EXPECT_NE(header_of(phone.response(200, "INVITE"), "Contact").find("@192.0.2.7:"), std::string::npos);
}

}  // namespace
}  // namespace partyline::sip
