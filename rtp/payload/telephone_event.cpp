#include "rtp/payload/telephone_event.hpp"

#include <string_view>

#include "rtp/bytes.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr std::string_view kDigits = "0123456789*#ABCD";
constexpr uint8_t kVolume = 10;  // -dBm0

}  // namespace

std::optional<char> digit_of_event(uint8_t event) {
  if (event >= kDigits.size()) return std::nullopt;
  return kDigits[event];
}

std::optional<uint8_t> event_of_digit(char digit) {
  const char upper = digit >= 'a' && digit <= 'd' ? static_cast<char>(digit - 'a' + 'A') : digit;
  const size_t at = kDigits.find(upper);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(at);
}

bool TelephoneEventReceiver::continues(uint8_t event, uint16_t duration, RtpTime32 timestamp, bool marker,
                                       core::TimePoint now) const {
  if (!any_) return false;
  const auto ahead = static_cast<int32_t>(timestamp.value - timestamp_.value);
  if (ahead == 0) return true;
  if (ahead < 0 && now - seen_ < 2s) return true;  // a reordered packet of an earlier press
  if (event != event_ || ended_ || now - seen_ > 100ms) return false;
  const bool next_segment = duration_ >= 0x8000 && ahead == duration_;
  return next_segment || (!marker && duration > duration_);
}

std::optional<char> TelephoneEventReceiver::receive(std::span<const uint8_t> payload, RtpTime32 timestamp, bool marker,
                                                    core::TimePoint now) {
  if (payload.size() < 4) return std::nullopt;
  const auto digit = digit_of_event(payload[0]);
  if (!digit) return std::nullopt;
  const bool end = payload[1] & 0x80;
  const uint16_t duration = read_u16(&payload[2]);
  const bool known = continues(payload[0], duration, timestamp, marker, now);
  if (known && static_cast<int32_t>(timestamp.value - timestamp_.value) < 0) return std::nullopt;
  ended_ = (known && timestamp == timestamp_ && ended_) || end;
  any_ = true;
  event_ = payload[0];
  duration_ = duration;
  timestamp_ = timestamp;
  seen_ = now;
  return known ? std::nullopt : digit;
}

void write_telephone_event(std::span<uint8_t, 4> out, uint8_t event, bool end, uint16_t duration) {
  out[0] = event;
  out[1] = static_cast<uint8_t>((end ? 0x80 : 0) | kVolume);
  write_u16(&out[2], duration);
}

}  // namespace partyline::rtp
