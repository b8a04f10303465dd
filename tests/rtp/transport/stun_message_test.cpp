#include "rtp/transport/stun_message.hpp"

#include <gtest/gtest.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include <algorithm>
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

// RFC 5769 §2.1, whole; its peer believes to be the controlled one.
const std::string kRfcPassword = "VOkJxbRl1RmTxUk/WvJxBt";
const std::vector<uint8_t> kRfcRequest{
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
    0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
    0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
    0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
    0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
    0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};

const std::string* rfc_password_of(std::string_view ufrag) {
  return ufrag == "evtj" ? &kRfcPassword : nullptr;
}

TEST(Rfc5769, the_sample_request_is_proved_and_answered_with_the_role_conflict) {
  const auto answer = answer_binding(kRfcRequest, kFrom, rfc_password_of);
  EXPECT_EQ(answer.verdict, StunVerdict::refused);
  ASSERT_GE(answer.size, 28u);
  EXPECT_EQ(std::vector<uint8_t>(answer.reply.begin() + 8, answer.reply.begin() + 20),
            std::vector<uint8_t>(kRfcRequest.begin() + 8, kRfcRequest.begin() + 20));
  const std::vector<uint8_t> role_conflict{0x00, 0x09};  // ERROR-CODE, whose class and number are 4 and 87
  EXPECT_EQ(std::vector<uint8_t>(answer.reply.begin() + 20, answer.reply.begin() + 22), role_conflict);
  EXPECT_EQ(answer.reply[26], 4);
  EXPECT_EQ(answer.reply[27], 87);
}

TEST(Rfc5769, no_byte_of_the_sample_request_may_be_another) {
  for (size_t i = 0; i < kRfcRequest.size(); ++i) {
    auto changed = kRfcRequest;
    changed[i] ^= 0x01;
    EXPECT_EQ(answer_binding(changed, kFrom, rfc_password_of).size, 0u) << "byte " << i;
  }
}

TEST(Rfc5769, addresses_are_written_as_in_the_sample_responses) {
  struct Sample {
    const char* address;
    std::vector<uint8_t> attribute;  // §2.2, §2.3
  };
  const Sample samples[] = {
      {"192.0.2.1", {0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43}},
      {"2001:db8:1234:5678:11:2233:4455:6677",
       {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
        0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9}},
  };
  for (const auto& [address, attribute] : samples) {
    // The samples' transaction, from a peer that controls.
    Peer peer;
    stun_agent_init_request(&peer.agent, &peer.message, peer.bytes.data(), peer.bytes.size(), STUN_BINDING);
    std::copy(kRfcRequest.begin() + 8, kRfcRequest.begin() + 20, peer.bytes.begin() + 8);
    stun_message_append_bytes(&peer.message, STUN_ATTRIBUTE_USERNAME, "evtj:h6vY", 9);
    stun_message_append32(&peer.message, STUN_ATTRIBUTE_PRIORITY, 0x6e0001ff);
    stun_message_append64(&peer.message, STUN_ATTRIBUTE_ICE_CONTROLLING, 0x932ff9b151263b36);
    const size_t size = stun_agent_finish_message(
        &peer.agent, &peer.message, reinterpret_cast<const uint8_t*>(kRfcPassword.data()), kRfcPassword.size());
    const auto answer =
        answer_binding({peer.bytes.data(), size}, {boost::asio::ip::make_address(address), 32853}, rfc_password_of);
    ASSERT_EQ(answer.verdict, StunVerdict::accepted);
    const auto end = answer.reply.begin() + static_cast<ptrdiff_t>(answer.size);
    EXPECT_NE(std::search(answer.reply.begin(), end, attribute.begin(), attribute.end()), end) << address;
  }
}

}  // namespace
}  // namespace partyline::rtp
