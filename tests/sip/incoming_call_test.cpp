// Calls that come in, over UDP and TCP, spoken by a phone that does exactly what the test wants.
#include "tests/sip/support.hpp"

namespace partyline::sip {
namespace {

class IncomingCallTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    app_ = std::make_unique<App>(config_);
    const auto started = app_->agent->start();
    ASSERT_TRUE(started) << started.error().message;
    phone_ = std::make_unique<RawPhone>(app_->agent->port(), GetParam());
  }
  /// INVITE, 200, ACK; returns our call.
  CallId establish(const std::string& extra = {}) {
    phone_->request("INVITE", 1, extra, kOffer);
    const auto incoming = app_->take("incoming");
    if (!incoming) return 0;
    app_->agent->answer(incoming->call, kAnswer);
    response_ = phone_->response(200, "INVITE");
    phone_->request("ACK", 1);
    return app_->take("established") ? incoming->call : 0;
  }

  UserAgentConfig config_;
  std::unique_ptr<App> app_;
  std::unique_ptr<RawPhone> phone_;
  std::string response_;
};

TEST_P(IncomingCallTest, a_call_is_announced_rung_answered_and_hung_up_by_the_phone) {
  phone_->request("INVITE", 1, {}, kOffer);
  EXPECT_TRUE(is_status(phone_->receive([](const auto&) { return true; }, std::chrono::milliseconds(1000)), 100));
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->text, kOffer);
  EXPECT_EQ(app_->last_call.room, "room1");
  EXPECT_EQ(app_->last_call.from_uri, "sip:alice@127.0.0.1");
  EXPECT_EQ(app_->last_call.display_name, "Alice A");
  EXPECT_EQ(app_->last_call.user_agent, "raw");
  EXPECT_EQ(app_->last_call.remote_address, "127.0.0.1");
  EXPECT_EQ(app_->last_call.local_address, "127.0.0.1");
  app_->agent->ring(incoming->call);
  EXPECT_NE(phone_->response(180, "INVITE"), "");
  app_->agent->answer(incoming->call, kAnswer);
  const std::string ok = phone_->response(200, "INVITE");
  EXPECT_EQ(body_part(ok), kAnswer);
  EXPECT_NE(header_of(ok, "Allow").find("UPDATE"), std::string::npos);
  EXPECT_NE(phone_->target.find("room1@127.0.0.1:" + std::to_string(app_->agent->port())), std::string::npos)
      << phone_->target;
  phone_->request("ACK", 1);
  const auto established = app_->take("established");
  ASSERT_TRUE(established);
  EXPECT_EQ(established->text, "");
  phone_->request("BYE", 2, "Reason: SIP;cause=200;text=\"enough said\"\r\n");
  EXPECT_NE(phone_->response(200, "BYE"), "");
  const auto ended = app_->take("ended");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->cause, EndCause::remote_bye);
  EXPECT_EQ(ended->text, "enough said");
  EXPECT_FALSE(app_->take("ended", std::chrono::milliseconds(100)));
}

TEST_P(IncomingCallTest, an_invite_without_sdp_gets_our_offer_and_its_ack_brings_the_answer) {
  phone_->request("INVITE", 1);
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->text, "");
  app_->agent->answer(incoming->call, kOffer);
  EXPECT_EQ(body_part(phone_->response(200, "INVITE")), kOffer);
  phone_->request("ACK", 1, {}, kAnswer);
  const auto established = app_->take("established");
  ASSERT_TRUE(established);
  EXPECT_EQ(established->text, kAnswer);
}

TEST_P(IncomingCallTest, a_cancel_before_the_answer_ends_the_call_with_487) {
  phone_->request("INVITE", 1, {}, kOffer);
  ASSERT_TRUE(app_->take("incoming"));
  phone_->request("CANCEL", 1, {}, {}, {}, phone_->last_branch);
  EXPECT_NE(phone_->response(200, "CANCEL"), "");
  EXPECT_NE(phone_->response(487, "INVITE"), "");
  const auto ended = app_->take("ended");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->cause, EndCause::cancelled);
  EXPECT_FALSE(app_->take("ended", std::chrono::milliseconds(100)));
}

TEST_P(IncomingCallTest, hanging_up_sends_bye_with_the_reason) {
  const CallId call = establish();
  ASSERT_NE(call, 0u);
  app_->agent->hang_up(call, "the \"room\" closes");
  const std::string bye = phone_->receive_request("BYE");
  EXPECT_EQ(header_of(bye, "Reason"), "SIP;cause=200;text=\"the \\\"room\\\" closes\"");
  phone_->reply(bye, "200 OK");
  const auto ended = app_->take("ended");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->cause, EndCause::local_bye);
}

TEST_P(IncomingCallTest, a_refused_call_carries_status_warning_and_retry_after) {
  phone_->request("INVITE", 1, {}, kOffer);
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  app_->agent->reject(incoming->call, {480, "Room Locked", "the room is locked", 30});
  const std::string refusal = phone_->response(480, "INVITE");
  EXPECT_NE(refusal.find("480 Room Locked"), std::string::npos);
  EXPECT_NE(header_of(refusal, "Warning").find("399 127.0.0.1 \"the room is locked\""), std::string::npos);
  EXPECT_EQ(header_of(refusal, "Retry-After"), "30");
  EXPECT_EQ(app_->take("ended")->cause, EndCause::rejected);
}

TEST_P(IncomingCallTest, hold_and_resume_by_re_invite_reach_the_application) {
  const CallId call = establish();
  ASSERT_NE(call, 0u);
  phone_->request("INVITE", 2, {}, kHoldOffer);
  EXPECT_EQ(app_->take("offer")->text, kHoldOffer);
  app_->agent->answer_offer(call, kHoldAnswer);
  EXPECT_EQ(body_part(phone_->response(200, "INVITE")), kHoldAnswer);
  phone_->request("ACK", 2);
  phone_->request("INVITE", 3, {}, kOffer);
  EXPECT_EQ(app_->take("offer")->text, kOffer);
  app_->agent->refuse_offer(call, {488, "", "no", 0});
  EXPECT_NE(phone_->response(488, "INVITE"), "");
  phone_->request("ACK", 3, {}, {}, {}, phone_->last_branch);
  // The call goes on as it was.
  phone_->request("INFO", 4, {}, "Signal=5\r\nDuration=100\r\n", "application/dtmf-relay");
  EXPECT_NE(phone_->response(200, "INFO"), "");
  EXPECT_EQ(app_->take("digit")->text, "5");
}

TEST_P(IncomingCallTest, an_update_with_sdp_is_an_offer_and_one_without_is_answered_silently) {
  const CallId call = establish();
  ASSERT_NE(call, 0u);
  phone_->request("UPDATE", 2);
  EXPECT_EQ(body_part(phone_->response(200, "UPDATE")), "");
  phone_->request("UPDATE", 3, {}, kHoldOffer);
  EXPECT_EQ(app_->take("offer")->text, kHoldOffer);
  // A second offer before the first is answered must wait (RFC 3311 §5.2).
  phone_->request("UPDATE", 4, {}, kOffer);
  EXPECT_NE(header_of(phone_->response(500, "UPDATE"), "Retry-After"), "");
  app_->agent->answer_offer(call, kHoldAnswer);
  EXPECT_EQ(body_part(phone_->response(200, "UPDATE")), kHoldAnswer);
  EXPECT_EQ(app_->count("offer"), 0u);
}

TEST_P(IncomingCallTest, a_refresh_with_the_same_sdp_is_answered_without_the_application) {
  ASSERT_NE(establish("Supported: timer\r\nSession-Expires: 120\r\n"), 0u);
  EXPECT_EQ(header_of(response_, "Session-Expires"), "120;refresher=uac");
  EXPECT_EQ(header_of(response_, "Require"), "timer");
  phone_->request("INVITE", 2, "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n", kOffer);
  const std::string ok = phone_->response(200, "INVITE");
  EXPECT_EQ(body_part(ok), kAnswer);
  EXPECT_EQ(header_of(ok, "Session-Expires"), "120;refresher=uac");
  phone_->request("ACK", 2);
  EXPECT_FALSE(app_->take("offer", std::chrono::milliseconds(100)));
}

TEST_P(IncomingCallTest, a_re_invite_without_sdp_gets_an_offer_and_the_ack_is_told) {
  const CallId call = establish();
  ASSERT_NE(call, 0u);
  phone_->request("INVITE", 2);
  EXPECT_EQ(app_->take("offer")->text, "");
  app_->agent->answer_offer(call, kAnswer);
  EXPECT_EQ(body_part(phone_->response(200, "INVITE")), kAnswer);
  // Our offer is open: theirs would collide.
  phone_->request("UPDATE", 3, {}, kHoldOffer);
  EXPECT_NE(phone_->response(491, "UPDATE"), "");
  phone_->request("ACK", 2, {}, kOffer);
  EXPECT_EQ(app_->take("established")->text, kOffer);
}

TEST_P(IncomingCallTest, a_session_interval_below_the_minimum_is_refused_with_422) {
  phone_->request("INVITE", 1, "Supported: timer\r\nSession-Expires: 30\r\n", kOffer);
  EXPECT_EQ(header_of(phone_->response(422, "INVITE"), "Min-SE"), "90");
  EXPECT_EQ(app_->count("incoming"), 0u);
}

TEST_P(IncomingCallTest, info_bodies_become_digits_and_key_frame_wishes) {
  ASSERT_NE(establish(), 0u);
  phone_->request("INFO", 2, {}, "#", "application/dtmf");
  EXPECT_NE(phone_->response(200, "INFO"), "");
  EXPECT_EQ(app_->take("digit")->text, "#");
  phone_->request("INFO", 3, {},
                  "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive>"
                  "</media_control>",
                  "application/media_control+xml");
  EXPECT_NE(phone_->response(200, "INFO"), "");
  EXPECT_TRUE(app_->take("keyframe"));
  phone_->request("INFO", 4, {}, "hello", "text/plain");
  EXPECT_NE(phone_->response(415, "INFO"), "");
}

TEST_P(IncomingCallTest, our_wish_for_a_key_frame_travels_as_info) {
  const CallId call = establish();
  app_->agent->send_info_keyframe_request(call);
  const std::string info = phone_->receive_request("INFO");
  EXPECT_NE(body_part(info).find("picture_fast_update"), std::string::npos);
  phone_->reply(info, "200 OK");
}

TEST_P(IncomingCallTest, options_answers_with_the_real_state) {
  app_->agent->set_availability({true, kAnswer});
  phone_->request("OPTIONS", 1);
  const std::string ok = phone_->response(200, "OPTIONS");
  EXPECT_EQ(body_part(ok), kAnswer);
  EXPECT_NE(header_of(ok, "Allow").find("INVITE"), std::string::npos);
  EXPECT_EQ(header_of(ok, "Accept"), "application/sdp");
  EXPECT_NE(header_of(ok, "Supported").find("timer"), std::string::npos);
  app_->agent->set_availability({false, ""});
  phone_->to_tag.clear();
  phone_->target.clear();
  phone_->request("OPTIONS", 2);
  EXPECT_NE(header_of(phone_->response(503, "OPTIONS"), "Retry-After"), "");
  phone_->to_tag.clear();
  phone_->request("INVITE", 3, {}, kOffer);
  EXPECT_NE(header_of(phone_->response(503, "INVITE"), "Retry-After"), "");
}

TEST_P(IncomingCallTest, what_we_do_not_do_is_refused_by_name) {
  const std::pair<const char*, int> cases[] = {{"REGISTER", 405}, {"SUBSCRIBE", 405}, {"MESSAGE", 405},
                                               {"REFER", 405},    {"PUBLISH", 405},   {"FROBNICATE", 501},
                                               {"BYE", 481},      {"UPDATE", 481}};
  uint32_t cseq = 1;
  for (const auto& [method, status] : cases) {
    phone_->to_tag.clear();
    phone_->call_id = core::random_token(10);
    phone_->request(method, cseq++);
    const std::string refusal = phone_->final_response(method);
    EXPECT_TRUE(is_status(refusal, status)) << method << ": " << refusal;
    EXPECT_NE(header_of(refusal, "Allow"), "");
  }
}

TEST_P(IncomingCallTest, required_extensions_and_bodies_we_do_not_know_are_named) {
  phone_->request("INVITE", 1, "Require: nothing-we-know\r\n", kOffer);
  EXPECT_EQ(header_of(phone_->response(420, "INVITE"), "Unsupported"), "nothing-we-know");
  phone_->to_tag.clear();
  phone_->call_id += "x";
  phone_->request("INVITE", 2, {}, "hello", "text/plain");
  EXPECT_EQ(header_of(phone_->response(415, "INVITE"), "Accept"), "application/sdp");
}

TEST_P(IncomingCallTest, a_caller_that_requires_100rel_gets_a_reliable_180) {
  phone_->request("INVITE", 1, "Require: 100rel\r\n", kOffer);
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  app_->agent->ring(incoming->call);
  const std::string ringing = phone_->response(180, "INVITE");
  const std::string rseq = header_of(ringing, "RSeq");
  ASSERT_NE(rseq, "");
  EXPECT_NE(header_of(ringing, "Require").find("100rel"), std::string::npos);
  phone_->request("PRACK", 2, "RAck: " + rseq + " 1 INVITE\r\n");
  EXPECT_NE(phone_->response(200, "PRACK"), "");
  app_->agent->answer(incoming->call, kAnswer);
  EXPECT_NE(phone_->response(200, "INVITE"), "");
}

TEST_P(IncomingCallTest, a_multipart_invite_yields_its_sdp) {
  const std::string body =
      "--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n" + kOffer +
      "\r\n--b1--\r\n";
  phone_->request("INVITE", 1, {}, body, "multipart/mixed;boundary=b1");
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->text, kOffer);
}

TEST_P(IncomingCallTest, the_destructor_says_goodbye_to_everybody) {
  ASSERT_NE(establish(), 0u);
  RawPhone ringing(app_->agent->port(), GetParam());
  ringing.request("INVITE", 1, {}, kOffer);
  ASSERT_TRUE(app_->take("incoming"));
  std::thread destroyer([this] { app_->agent.reset(); });
  EXPECT_NE(ringing.response(480, "INVITE"), "");
  ringing.request("ACK", 1, {}, {}, {}, ringing.last_branch);
  const std::string bye = phone_->receive_request("BYE");
  EXPECT_NE(bye, "");
  phone_->reply(bye, "200 OK");
  destroyer.join();
}

INSTANTIATE_TEST_SUITE_P(Transports, IncomingCallTest, ::testing::Bool(),
                         [](const auto& transport) { return transport.param ? "tcp" : "udp"; });

}  // namespace
}  // namespace partyline::sip
