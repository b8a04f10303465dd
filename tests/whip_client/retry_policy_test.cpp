#include "whip_client/retry_policy.hpp"

#include <gtest/gtest.h>

namespace partyline::whip_client {
namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::TimePoint;

const TimePoint t0 = TimePoint{} + 1000s;
const Refusal away{RefusalKind::unavailable, "away", std::nullopt};

void expect_about(Duration delay, Duration step) {
  EXPECT_GE(delay, step * 3 / 4);
  EXPECT_LE(delay, step * 5 / 4);
}

TEST(RetryPolicy, DoublesUpToTheLongestWithJitter) {
  RetryPolicy policy(500ms, 15s, 1);
  for (const Duration step :
       {Duration(500ms), Duration(1s), Duration(2s), Duration(4s), Duration(8s), Duration(15s), Duration(15s)}) {
    expect_about(policy.on_failure(away, t0), step);
  }
}

TEST(RetryPolicy, IsTheSameForTheSameSeedAndNotForAnother) {
  RetryPolicy a(1s, 60s, 7), b(1s, 60s, 7), c(1s, 60s, 8);
  const Duration first = a.on_failure(away, t0);
  EXPECT_EQ(first, b.on_failure(away, t0));
  EXPECT_NE(first, c.on_failure(away, t0));
}

TEST(RetryPolicy, StartsOverAfterHalfAMinuteOfHealthOnly) {
  RetryPolicy policy(500ms, 15s, 1);
  for (int i = 0; i < 10; ++i) policy.on_failure(away, t0);
  policy.on_connected(t0);
  expect_about(policy.on_failure(away, t0 + 29s), 15s);
  policy.on_connected(t0 + 60s);
  expect_about(policy.on_failure(away, t0 + 90s), 500ms);
  expect_about(policy.on_failure(away, t0 + 200s), 1s);
}

TEST(RetryPolicy, KeepsAskingForAStreamThatIsNotThereYet) {
  RetryPolicy policy(500ms, 15s, 1);
  for (int i = 0; i < 10; ++i) EXPECT_LE(policy.on_failure({RefusalKind::not_yet, "", std::nullopt}, t0), 2500ms);
}

TEST(RetryPolicy, OutlastsTheBusyNameOfADeadPublisherWithoutLongGaps) {
  RetryPolicy policy(500ms, 15s, 1);
  Duration waited{};
  for (int i = 0; i < 12; ++i) {
    const Duration delay = policy.on_failure({RefusalKind::busy, "", std::nullopt}, t0);
    EXPECT_LE(delay, 6250ms);
    waited += delay;
  }
  EXPECT_GE(waited, 36s);
}

TEST(RetryPolicy, WaitsLongWhereOnlyTheServersOperatorCanHelp) {
  RetryPolicy policy(500ms, 15s, 1);
  expect_about(policy.on_failure({RefusalKind::denied, "", std::nullopt}, t0), 15s);
  expect_about(policy.on_failure({RefusalKind::unfit, "", std::nullopt}, t0), 15s);
}

TEST(RetryPolicy, RespectsRetryAfterAsAMinimum) {
  RetryPolicy policy(500ms, 15s, 1);
  EXPECT_EQ(policy.on_failure({RefusalKind::unavailable, "", Duration(30s)}, t0), 30s);
  expect_about(policy.on_failure({RefusalKind::unavailable, "", Duration(0s)}, t0), 1s);
}

TEST(RetryPolicy, DoesNotOverflowAfterManyFailures) {
  RetryPolicy policy(10s, 60s, 1);
  for (int i = 0; i < 1000; ++i) policy.on_failure(away, t0);
  expect_about(policy.on_failure(away, t0), 60s);
}

}  // namespace
}  // namespace partyline::whip_client
