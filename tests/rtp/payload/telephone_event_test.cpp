#include "rtp/payload/telephone_event.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

class TelephoneEvents : public testing::Test {
 protected:
  void packet(uint8_t event, uint32_t timestamp, uint16_t duration, bool end = false, bool marker = false) {
    std::array<uint8_t, 4> payload{};
    write_telephone_event(payload, event, end, duration);
    now += 20ms;
    if (const auto digit = receiver.receive(payload, RtpTime32{timestamp}, marker, now)) digits += *digit;
  }
  TelephoneEventReceiver receiver;
  core::TimePoint now{1h};
  std::string digits;
};

TEST_F(TelephoneEvents, a_press_with_its_repeats_and_three_ends_is_one_digit) {
  packet(5, 0xFFFFFF00, 160, false, true);
  for (uint16_t d = 320; d <= 800; d = static_cast<uint16_t>(d + 160)) packet(5, 0xFFFFFF00, d);
  for (int i = 0; i < 3; ++i) packet(5, 0xFFFFFF00, 960, true);
  EXPECT_EQ(digits, "5");
}

TEST_F(TelephoneEvents, the_same_key_pressed_twice_is_two_digits_although_no_packet_has_a_marker) {
  for (uint32_t timestamp : {0xFFFFFF00u, 0x800u}) {
    packet(11, timestamp, 160);
    packet(11, timestamp, 320);
    packet(11, timestamp, 320, true);
  }
  EXPECT_EQ(digits, "##");
}

TEST_F(TelephoneEvents, a_press_whose_end_or_start_is_lost_is_still_one_digit) {
  packet(1, 1000, 160, false, true);
  packet(2, 9000, 800, true);  // only an end of it arrived
  packet(2, 9000, 800, true);
  packet(3, 17000, 160, false, true);
  EXPECT_EQ(digits, "123");
}

TEST_F(TelephoneEvents, a_late_packet_of_the_press_before_is_no_digit) {
  packet(1, 1000, 160, false, true);
  packet(2, 5000, 160, false, true);
  packet(1, 1000, 320, true);
  packet(2, 5000, 320, true);
  EXPECT_EQ(digits, "12");
}

TEST_F(TelephoneEvents, a_sender_that_moves_the_timestamp_within_a_press_is_folded) {
  for (uint16_t i = 1; i <= 6; ++i) packet(7, 1000u + i * 160u, static_cast<uint16_t>(i * 160), i == 6, i == 1);
  EXPECT_EQ(digits, "7");
}

TEST_F(TelephoneEvents, a_press_longer_than_the_duration_field_is_one_digit) {
  packet(9, 1000, 65000, false, true);
  packet(9, 1000, 65535);
  packet(9, 1000 + 65535, 160);
  packet(9, 1000 + 65535, 320, true);
  EXPECT_EQ(digits, "9");
}

TEST_F(TelephoneEvents, other_events_and_short_payloads_are_ignored) {
  packet(16, 1000, 160, true, true);
  const uint8_t bytes[3] = {1, 0, 0};
  EXPECT_FALSE(receiver.receive(bytes, RtpTime32{1}, true, now));
  EXPECT_EQ(digits, "");
  EXPECT_EQ(event_of_digit('d'), 15);
  EXPECT_FALSE(event_of_digit('x'));
}

}  // namespace
}  // namespace partyline::rtp
