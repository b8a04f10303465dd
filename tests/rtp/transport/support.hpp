// What the transport tests share: an event sink that remembers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "rtp/transport/transport.hpp"
#include "tests/support/event_loop.hpp"

namespace partyline::rtp::test {

using partyline::test::run_until;

struct RecordingEvents : TransportEvents {
  int connected = 0, lost = 0, found = 0;
  bool keeps_lost_path = false;  ///< says that it restarts ICE
  std::vector<std::vector<uint8_t>> rtp, rtcp;
  std::vector<core::Error> closed;
  std::function<void()> when_connected, when_closed;

  void on_transport_connected() override {
    ++connected;
    if (when_connected) when_connected();
  }
  void on_rtp(core::Buffer packet, core::TimePoint) override {
    rtp.emplace_back(packet.data(), packet.data() + packet.size());
  }
  void on_rtcp(core::Buffer packet, core::TimePoint) override {
    rtcp.emplace_back(packet.data(), packet.data() + packet.size());
  }
  void on_transport_closed(const core::Error& why) override {
    closed.push_back(why);
    if (when_closed) when_closed();
  }
  bool on_path_lost() override {
    ++lost;
    return keeps_lost_path;
  }
  void on_path_found() override { ++found; }
};

inline std::vector<uint8_t> rtp_packet(uint16_t sequence, uint32_t ssrc, size_t payload = 100) {
  std::vector<uint8_t> packet{0x80,
                              96,
                              static_cast<uint8_t>(sequence >> 8),
                              static_cast<uint8_t>(sequence),
                              0,
                              0,
                              0,
                              1,
                              static_cast<uint8_t>(ssrc >> 24),
                              static_cast<uint8_t>(ssrc >> 16),
                              static_cast<uint8_t>(ssrc >> 8),
                              static_cast<uint8_t>(ssrc)};
  for (size_t i = 0; i < payload; ++i) packet.push_back(static_cast<uint8_t>(i * 7 + sequence));
  return packet;
}

/// An empty receiver report of `ssrc`.
inline std::vector<uint8_t> rtcp_packet(uint8_t ssrc) {
  return {0x80, 201, 0, 1, 0, 0, 0, ssrc};
}

}  // namespace partyline::rtp::test
