#include "gateway/outputs/output_state.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

class OutputStateTest : public ::testing::Test {
 protected:
  core::TimePoint now{core::TimePoint{} + 100s};
  OutputStateMachine machine{OutputRetry{}, now};

  /// Fails at `now` and returns how long it waits.
  core::Duration wait_after_failure() {
    machine.failed(now, "refused");
    const core::Duration wait = machine.due() - now;
    EXPECT_FALSE(machine.tick(machine.due() - 1ns));
    now = machine.due();
    EXPECT_TRUE(machine.tick(now));
    EXPECT_EQ(machine.state(), OutputState::connecting);
    return wait;
  }
};

TEST_F(OutputStateTest, connects_and_is_live) {
  EXPECT_EQ(machine.state(), OutputState::connecting);
  machine.connected(now + 3s);
  EXPECT_EQ(machine.state(), OutputState::live);
  EXPECT_EQ(machine.since(), now + 3s);
  EXPECT_EQ(machine.reconnects(), 0U);
}

TEST_F(OutputStateTest, waits_twice_as_long_after_each_failure_up_to_thirty_seconds) {
  for (const auto expected : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) EXPECT_EQ(wait_after_failure(), expected);
}

TEST_F(OutputStateTest, a_connection_that_lasted_starts_the_wait_over) {
  wait_after_failure();
  wait_after_failure();
  machine.connected(now);
  now += 10s;
  EXPECT_EQ(wait_after_failure(), 1s);
}

TEST_F(OutputStateTest, a_server_that_accepts_and_drops_at_once_is_not_hammered) {
  wait_after_failure();
  machine.connected(now);
  now += 1s;
  EXPECT_EQ(wait_after_failure(), 2s);
}

TEST_F(OutputStateTest, the_error_is_kept_until_live_and_reconnects_are_counted) {
  machine.connected(now);
  wait_after_failure();
  EXPECT_EQ(machine.error(), "refused");
  machine.connected(now);
  EXPECT_EQ(machine.error(), "");
  EXPECT_EQ(machine.reconnects(), 1U);
}

TEST_F(OutputStateTest, stopped_is_for_ever) {
  machine.stop(now);
  machine.connected(now);
  machine.failed(now, "x");
  EXPECT_FALSE(machine.tick(now + 100s));
  EXPECT_EQ(machine.state(), OutputState::stopped);
  EXPECT_EQ(to_string(machine.state()), "stopped");
}

}  // namespace
}  // namespace partyline::gateway
