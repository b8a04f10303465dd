// Whatever arrives on a WebRTC port before anything is proved: STUN first, and the text of ICE candidates.
#include <cstddef>
#include <cstdint>
#include <string>

#include "rtp/transport/ice_candidate.hpp"
#include "rtp/transport/packet_kind.hpp"
#include "rtp/transport/stun_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partyline::rtp;
  static const std::string password = "0123456789abcdefghijklmn";
  static const boost::asio::ip::udp::endpoint from(boost::asio::ip::make_address("192.0.2.1"), 4711);
  const std::span packet(data, size);
  (void)classify(packet);
  (void)answer_binding(packet, from, [](std::string_view) { return &password; });
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_candidate(text);
  (void)parse_ice_server_url(text);
  return 0;
}
