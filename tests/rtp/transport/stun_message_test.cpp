#include "rtp/transport/stun_message.hpp"

#include <gtest/gtest.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include <vector>

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;

const std::string kPassword = "0123456789abcdefghijklmn";

const std::string* password_of(std::string_view ufrag) {
  return ufrag == "ours" ? &kPassword : nullptr;
}

// What a full agent sends; the agent remembers the request, so that it can check the answer.
struct Peer {
  StunAgent agent;
  StunMessage message;
  std::array<uint8_t, 512> bytes{};

  Peer() {
    stun_agent_init(
        &agent, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
        static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT));
  }
  std::vector<uint8_t> request(std::string_view user, std::string password, bool use_candidate = true,
                               bool controlling = true, bool unknown = false) {
    stun_agent_init_request(&agent, &message, bytes.data(), bytes.size(), STUN_BINDING);
    stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, user.data(), user.size());
    stun_message_append32(&message, STUN_ATTRIBUTE_PRIORITY, 12345);
    if (use_candidate) stun_message_append_flag(&message, STUN_ATTRIBUTE_USE_CANDIDATE);
    stun_message_append64(&message, controlling ? STUN_ATTRIBUTE_ICE_CONTROLLING : STUN_ATTRIBUTE_ICE_CONTROLLED, 77);
    if (unknown) stun_message_append32(&message, static_cast<StunAttribute>(0x7abc), 1);
    password_ = std::move(password);
    const size_t size = stun_agent_finish_message(&agent, &message, reinterpret_cast<const uint8_t*>(password_.data()),
                                                  password_.size());
    return {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)};
  }
  std::string password_;
};

const udp::endpoint kFrom(boost::asio::ip::make_address("192.0.2.7"), 50000);

TEST(AnswerBinding, a_valid_check_is_answered_with_the_address_it_came_from) {
  for (const auto& from : {kFrom, udp::endpoint(boost::asio::ip::make_address("2001:db8::7"), 50000)}) {
    Peer peer;
    const auto request = peer.request("ours:theirs", kPassword);
    const auto answer = answer_binding(request, from, password_of);
    ASSERT_EQ(answer.verdict, StunVerdict::accepted);
    EXPECT_TRUE(answer.use_candidate);
    StunMessage response;
    ASSERT_EQ(stun_agent_validate(&peer.agent, &response, answer.reply.data(), answer.size, nullptr, nullptr),
              STUN_VALIDATION_SUCCESS);
    EXPECT_EQ(stun_message_get_class(&response), STUN_RESPONSE);
    EXPECT_TRUE(stun_message_has_attribute(&response, STUN_ATTRIBUTE_MESSAGE_INTEGRITY));
    EXPECT_TRUE(stun_message_has_attribute(&response, STUN_ATTRIBUTE_FINGERPRINT));
    sockaddr_storage mapped{};
    socklen_t size = sizeof mapped;
    ASSERT_EQ(stun_message_find_xor_addr(&response, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &mapped, &size),
              STUN_MESSAGE_RETURN_SUCCESS);
    EXPECT_EQ(std::memcmp(&mapped, from.data(), size), 0);
  }
}

TEST(AnswerBinding, nomination_is_told) {
  EXPECT_FALSE(answer_binding(Peer().request("ours:theirs", kPassword, false), kFrom, password_of).use_candidate);
}

TEST(AnswerBinding, what_is_not_proved_is_met_with_silence) {
  const auto verdict = [](const std::vector<uint8_t>& packet) {
    const auto answer = answer_binding(packet, kFrom, password_of);
    EXPECT_EQ(answer.size, 0u);
    return answer.verdict;
  };
  EXPECT_EQ(verdict(Peer().request("ours:theirs", "wrong password")), StunVerdict::forged);
  EXPECT_EQ(verdict(Peer().request("nobody:theirs", kPassword)), StunVerdict::unknown_user);
  EXPECT_EQ(verdict(Peer().request("", kPassword)), StunVerdict::unknown_user);
  auto response = Peer().request("ours:theirs", kPassword);
  response[0] = 1;
  EXPECT_EQ(verdict(response), StunVerdict::not_a_request);
  EXPECT_EQ(verdict({}), StunVerdict::malformed);
}

TEST(AnswerBinding, each_changed_byte_and_each_cut_is_noticed) {
  const auto request = Peer().request("ours:theirs", kPassword);
  for (size_t i = 0; i < request.size(); ++i) {
    auto changed = request;
    changed[i] ^= 0x01;
    EXPECT_NE(answer_binding(changed, kFrom, password_of).verdict, StunVerdict::accepted) << "byte " << i;
    EXPECT_NE(answer_binding(std::span(request).first(i), kFrom, password_of).verdict, StunVerdict::accepted);
  }
}

TEST(AnswerBinding, a_peer_that_believes_to_be_controlled_is_told_of_the_conflict) {
  Peer peer;
  const auto answer = answer_binding(peer.request("ours:theirs", kPassword, false, false), kFrom, password_of);
  EXPECT_EQ(answer.verdict, StunVerdict::refused);
  StunMessage response;
  int code = 0;
  ASSERT_EQ(stun_agent_validate(&peer.agent, &response, answer.reply.data(), answer.size, nullptr, nullptr),
            STUN_VALIDATION_SUCCESS);
  ASSERT_EQ(stun_message_find_error(&response, &code), STUN_MESSAGE_RETURN_SUCCESS);
  EXPECT_EQ(code, 487);
}

TEST(AnswerBinding, an_attribute_that_must_be_understood_but_is_not_is_refused) {
  Peer peer;
  const auto answer = answer_binding(peer.request("ours:theirs", kPassword, true, true, true), kFrom, password_of);
  EXPECT_EQ(answer.verdict, StunVerdict::refused);
  StunMessage response;
  int code = 0;
  stun_agent_validate(&peer.agent, &response, answer.reply.data(), answer.size, nullptr, nullptr);
  ASSERT_EQ(stun_message_find_error(&response, &code), STUN_MESSAGE_RETURN_SUCCESS);
  EXPECT_EQ(code, 420);
}

}  // namespace
}  // namespace partyline::rtp
