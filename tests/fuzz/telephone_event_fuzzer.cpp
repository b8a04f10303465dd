// telephone-events of a stranger: records of RTP timestamp step, time step, marker and up to 4 bytes of payload. A
// press is reported once, as a digit that can be written again.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "rtp/payload/telephone_event.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partyline;
  rtp::TelephoneEventReceiver receiver;
  core::TimePoint now{std::chrono::hours(1)};
  rtp::RtpTime32 timestamp;
  for (size_t at = 0; at + 4 < size; at += 8) {
    const auto step = static_cast<int16_t>(data[at] << 8 | data[at + 1]);
    timestamp.value += static_cast<uint32_t>(int32_t{step});
    now += std::chrono::milliseconds(data[at + 2]);
    const std::span payload(data + at + 4, std::min<size_t>(4, size - at - 4));
    const auto digit = receiver.receive(payload, timestamp, data[at + 3] & 1, now);
    if (!digit) continue;
    if (receiver.receive(payload, timestamp, true, now)) std::abort();
    const auto event = rtp::event_of_digit(*digit);
    if (!event || rtp::digit_of_event(*event) != *digit) std::abort();
    std::array<uint8_t, 4> written{};
    rtp::write_telephone_event(written, *event, false, 160);
    if (rtp::TelephoneEventReceiver().receive(written, timestamp, true, now) != digit) std::abort();
  }
  return 0;
}
