// Outbox: order, and whose things are told, whatever the handlers do.
#include "rtp/outbox.hpp"

#include <gtest/gtest.h>

#include <string>

namespace partyline::rtp {
namespace {

struct Events : SessionEvents {
  void send_rtp(std::span<const uint8_t>) override {}
  void send_rtcp(std::span<const uint8_t>) override {}
  void on_frame(const core::EncodedFrame&) override {}
  void begin_burst() override { told += '('; }
  void end_burst() override {
    told += ')';
    if (at_end == 0) return;
    outbox.push(Outbox::Digit{std::exchange(at_end, '\0')});
    outbox.flush();
  }
  void on_digit(char digit) override {
    told += digit;
    if (digit != '1') return;
    outbox.push(Outbox::Digit{'4'});
    outbox.flush();
  }
  void on_keyframe_request() override {}
  void on_target_bitrate(core::Bitrate) override {}

  Outbox outbox{*this};
  std::string told;
  char at_end = 0;
};

TEST(Outbox, tells_in_order_what_handlers_add) {
  Events events;
  for (const char digit : {'1', '2', '3'}) events.outbox.push(Outbox::Digit{digit});
  events.outbox.flush();
  EXPECT_EQ(events.told, "(1234)");
  events.outbox.flush();
  EXPECT_EQ(events.told, "(1234)");
}

TEST(Outbox, what_the_end_of_a_burst_adds_is_told_here_and_not_by_the_next_session) {
  Events one, other;
  one.at_end = '5';
  for (const char digit : {'2', '3'}) one.outbox.push(Outbox::Digit{digit});
  one.outbox.flush();
  other.outbox.push(Outbox::Digit{'7'});
  other.outbox.flush();
  EXPECT_EQ(one.told, "(23)5");
  EXPECT_EQ(other.told, "7");
}

}  // namespace
}  // namespace partyline::rtp
