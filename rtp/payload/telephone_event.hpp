// DTMF as RFC 4733 telephone-events.
//
//   |     event     |E|R| volume    |          duration             |      one press = one RTP timestamp, many packets
//
// Thread: plain values. Not done: events other than DTMF (flash, tones), which are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/time.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

/// '0'…'9' '*' '#' 'A'…'D' ⇄ 0…15
std::optional<char> digit_of_event(uint8_t event);
std::optional<uint8_t> event_of_digit(char digit);

/// Folds the packets of a press into one digit. The timestamp is the press' name: the marker may be missing, the start
/// or the end lost. Also folded: the segments of a press longer than the duration field (§2.5.1.3), and the packets of
/// senders that advance the timestamp within a press (no end, no marker, a growing duration).
class TelephoneEventReceiver {
 public:
  /// The digit when this packet begins a press.
  std::optional<char> receive(std::span<const uint8_t> payload, RtpTime32 timestamp, bool marker, core::TimePoint now);

 private:
  bool continues(uint8_t event, uint16_t duration, RtpTime32 timestamp, bool marker, core::TimePoint now) const;

  bool any_ = false, ended_ = false;
  uint8_t event_ = 0;
  uint16_t duration_ = 0;
  RtpTime32 timestamp_;
  core::TimePoint seen_;
};

/// Writes the 4-byte payload.
void write_telephone_event(std::span<uint8_t, 4> out, uint8_t event, bool end, uint16_t duration);

}  // namespace partyline::rtp
