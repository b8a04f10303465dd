#include "rtp/transport/stun_message.hpp"

#include <stun/stunagent.h>

#include <cstring>

namespace partyline::rtp {
namespace {

constexpr size_t kMaxRequest = 1280;  // bytes; a check is about 120
constexpr std::array<uint16_t, 7> kKnownAttributes{STUN_ATTRIBUTE_USERNAME,
                                                   STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                                   STUN_ATTRIBUTE_ERROR_CODE,
                                                   STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
                                                   STUN_ATTRIBUTE_PRIORITY,
                                                   STUN_ATTRIBUTE_USE_CANDIDATE,
                                                   0};

struct Lookup {
  const std::function<const std::string*(std::string_view)>& password_of;
  bool user_known = false;
};

// USERNAME of a check is "<our ufrag>:<theirs>" (RFC 8445 §7.2.2).
bool find_password(StunAgent*, StunMessage*, uint8_t* username, uint16_t size, uint8_t** password,
                   size_t* password_size, void* user_data) {
  auto& lookup = *static_cast<Lookup*>(user_data);
  const std::string_view name(reinterpret_cast<const char*>(username), size);
  const std::string* found = lookup.password_of(name.substr(0, name.find(':')));
  if (found == nullptr) return false;
  lookup.user_known = true;
  *password = reinterpret_cast<uint8_t*>(const_cast<char*>(found->data()));  // libnice only reads it
  *password_size = found->size();
  return true;
}

size_t write_success(StunAgent& agent, const StunMessage& request, const boost::asio::ip::udp::endpoint& from,
                     std::span<uint8_t> reply) {
  StunMessage message;
  sockaddr_storage address{};
  std::memcpy(&address, from.data(), from.size());
  if (!stun_agent_init_response(&agent, &message, reply.data(), reply.size(), &request)) return 0;
  if (stun_message_append_xor_addr(&message, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &address,
                                   static_cast<socklen_t>(from.size())) != STUN_MESSAGE_RETURN_SUCCESS) {
    return 0;
  }
  return stun_agent_finish_message(&agent, &message, request.key, request.key_len);
}

size_t write_error(StunAgent& agent, const StunMessage& request, StunError code, std::span<uint8_t> reply) {
  StunMessage message;
  if (!stun_agent_init_error(&agent, &message, reply.data(), reply.size(), &request, code)) return 0;
  return stun_agent_finish_message(&agent, &message, request.key, request.key_len);
}

}  // namespace

StunAnswer answer_binding(std::span<const uint8_t> packet, const boost::asio::ip::udp::endpoint& from,
                          const std::function<const std::string*(std::string_view local_ufrag)>& password_of) {
  StunAnswer answer;
  if (packet.size() < STUN_MESSAGE_HEADER_LENGTH || packet.size() > kMaxRequest) return answer;
  // libnice would look for the response's request in its own list: only requests come this far.
  if ((packet[0] & 0x3f) != 0 || packet[1] != STUN_BINDING) {
    answer.verdict = StunVerdict::not_a_request;
    return answer;
  }
  StunAgent agent;
  stun_agent_init(
      &agent, kKnownAttributes.data(), STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT));
  StunMessage request{};
  Lookup lookup{password_of};
  const auto status = stun_agent_validate(&agent, &request, packet.data(), packet.size(), find_password, &lookup);
  if (status == STUN_VALIDATION_UNAUTHORIZED) {
    answer.verdict = lookup.user_known ? StunVerdict::forged : StunVerdict::unknown_user;
    return answer;
  }
  if (status == STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE && request.key != nullptr) {
    answer.verdict = StunVerdict::refused;
    StunMessage message;
    answer.size =
        stun_agent_build_unknown_attributes_error(&agent, &message, answer.reply.data(), answer.reply.size(), &request);
    return answer;
  }
  if (status != STUN_VALIDATION_SUCCESS || request.key == nullptr) return answer;
  if (stun_message_has_attribute(&request, STUN_ATTRIBUTE_ICE_CONTROLLED)) {
    answer.verdict = StunVerdict::refused;
    answer.size = write_error(agent, request, STUN_ERROR_ROLE_CONFLICT, answer.reply);
    return answer;
  }
  answer.use_candidate = stun_message_find_flag(&request, STUN_ATTRIBUTE_USE_CANDIDATE) == STUN_MESSAGE_RETURN_SUCCESS;
  answer.size = write_success(agent, request, from, answer.reply);
  answer.verdict = answer.size > 0 ? StunVerdict::accepted : StunVerdict::malformed;
  return answer;
}

}  // namespace partyline::rtp
