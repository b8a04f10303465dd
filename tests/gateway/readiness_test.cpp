#include "gateway/readiness.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
using Reasons = std::vector<std::string>;

constexpr core::TimePoint kNow{1000h};

Condition healthy() {
  Condition condition;
  condition.engine.audio_ticked = kNow - 15ms;
  condition.engine.pool_ran = kNow - 400ms;
  condition.sip_listens = true;
  return condition;
}

TEST(Readiness, who_ticks_listens_and_has_time_is_ready) {
  EXPECT_EQ(reasons_against(healthy(), kNow), Reasons{});
  auto without_sip = healthy();
  without_sip.sip_listens.reset();
  EXPECT_EQ(reasons_against(without_sip, kNow), Reasons{}) << "it is switched off";
}

TEST(Readiness, everything_that_speaks_against_it_is_said) {
  const auto when = [](auto change) {
    auto condition = healthy();
    change(condition);
    return reasons_against(condition, kNow);
  };
  EXPECT_EQ(when([](Condition& c) { c.stopping = true; }), Reasons{"shutting down"});
  EXPECT_EQ(when([](Condition& c) { c.sip_listens = false; }), Reasons{"SIP does not listen"});
  EXPECT_EQ(when([](Condition& c) { c.engine.audio_ticked = kNow - 1200ms; }),
            Reasons{"the audio tick has stood still for 1200 ms"});
  EXPECT_EQ(when([](Condition& c) { c.engine.pool_ran = kNow - 6s; }),
            Reasons{"the worker pool has stood still for 6000 ms"});
  EXPECT_EQ(when([](Condition& c) { c.engine.accepts_rooms = false; }),
            Reasons{"overloaded: no further room begins to be mixed"});
  EXPECT_EQ(when([](Condition& c) {
              c.sip_listens = false;
              c.engine.accepts_rooms = false;
            }).size(),
            2u);
}

}  // namespace
}  // namespace partyline::gateway
