#include "gateway/keypad.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

const Keypad::Commands kCommands{{"*1", "grid"}, {"*2", "speaker"}, {"*0", "auto"}, {"99", "panel"}};

/// What comes of keys that are pressed `step` after each other; "-" is nothing.
std::string after(std::string_view keys, core::Duration step = 300ms) {
  Keypad keypad(kCommands);
  core::TimePoint now(1h);
  std::string result;
  for (const char key : keys) {
    result += keypad.press(key, now).value_or("-");
    now += step;
  }
  return result;
}

TEST(Keypad, sequences_are_found_among_other_keys) {
  EXPECT_EQ(after("*1"), "-grid");
  EXPECT_EQ(after("*1*2*0"), "-grid-speaker-auto");
  EXPECT_EQ(after("5#*2"), "---speaker");
  EXPECT_EQ(after("*3*1"), "---grid");
  EXPECT_EQ(after("*99"), "--panel");
  EXPECT_EQ(after("12"), "--") << "the star is missing";
}

TEST(Keypad, a_press_that_is_reported_twice_does_no_harm) {
  EXPECT_EQ(after("**11"), "--grid-");
  EXPECT_EQ(after("**22**11"), "--speaker---grid-");
}

TEST(Keypad, the_second_key_must_come_soon) {
  EXPECT_EQ(after("*1", 3s), "-grid");
  EXPECT_EQ(after("*1", 3001ms), "--");
  EXPECT_EQ(after("99", 4s), "--");
}

TEST(Keypad, without_commands_nothing_comes_of_anything) {
  const Keypad::Commands none;
  Keypad keypad(none);
  EXPECT_FALSE(keypad.press('*', core::TimePoint(1h)));
  EXPECT_FALSE(keypad.press('1', core::TimePoint(1h)));
}

TEST(KeySequences, what_cannot_be_pressed_or_told_apart_is_refused_in_words) {
  EXPECT_FALSE(check_key_sequences(kCommands));
  EXPECT_FALSE(check_key_sequences({}));
  EXPECT_EQ(check_key_sequences({{"*1", "grid"}, {"*12", "panel"}}), "'*1' is the beginning of '*12'");
  for (const char* keys : {"", "x", "*1 ", "123456789", "*a"})
    EXPECT_TRUE(check_key_sequences({{keys, "grid"}})) << keys;
}

}  // namespace
}  // namespace partyline::gateway
