// KeyPad: the keys of a phone (RFC 4733). It stands behind a session that sends sound only and puts a packet of the
// event before each packet of sound while a key is pressed, so all later packets get higher numbers. A press lasts
// 100 ms, its end is told three times. Thread: one.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "rtp/packet.hpp"
#include "rtp/payload/telephone_event.hpp"

namespace partyline::test {

class KeyPad {
 public:
  static constexpr uint8_t kType = 101;

  void press(char digit) { pressed_.push_back(*rtp::event_of_digit(digit)); }
  /// What leaves instead of an RTP packet of the session.
  template <class Send>
  void pass(std::span<const uint8_t> packet, Send send) {
    if (pressed_.empty() && inserted_ == 0) return send(packet);
    const auto sound = rtp::parse_packet(packet);
    if (!pressed_.empty()) {
      if (step_ == 0) began_ = sound->timestamp;
      std::array<uint8_t, 4> event;
      const bool end = step_ >= kSteps;
      const auto length = static_cast<uint16_t>(kStep * (end ? kSteps : step_ + 1));
      rtp::write_telephone_event(event, pressed_.front(), end, length);
      std::array<uint8_t, 64> room;
      rtp::PacketWriter writer(room, {step_ == 0, kType, numbered(sound->sequence), began_, sound->ssrc});
      writer.append(event);
      send(writer.packet());
      ++inserted_;
      if (++step_ == kSteps + kEnds) {
        pressed_.pop_front();
        step_ = 0;
      }
    }
    std::vector<uint8_t> later(packet.begin(), packet.end());
    rtp::set_sequence(later, numbered(sound->sequence));
    send(later);
  }

 private:
  static constexpr int kSteps = 5, kEnds = 3, kStep = 160;  // packets, packets, RTP time at 8 kHz

  rtp::Seq16 numbered(rtp::Seq16 sequence) const { return {static_cast<uint16_t>(sequence.value + inserted_)}; }

  std::deque<uint8_t> pressed_;
  int step_ = 0;
  uint16_t inserted_ = 0;
  rtp::RtpTime32 began_;
};

}  // namespace partyline::test
