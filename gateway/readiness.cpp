#include "gateway/readiness.hpp"

#include <fmt/format.h>

namespace partyline::gateway {
namespace {

// Many times what a busy machine makes of 20 ms and of half a second.
constexpr core::Duration kAudioStalled = std::chrono::seconds(1), kPoolStalled = std::chrono::seconds(5);

}  // namespace

std::vector<std::string> reasons_against(const Condition& condition, core::TimePoint now) {
  std::vector<std::string> reasons;
  const auto& engine = condition.engine;
  if (condition.stopping) reasons.emplace_back("shutting down");
  if (condition.sip_listens == false) reasons.emplace_back("SIP does not listen");
  if (now - engine.audio_ticked > kAudioStalled)
    reasons.push_back(fmt::format("the audio tick has stood still for {} ms", core::to_ms(now - engine.audio_ticked)));
  if (now - engine.pool_ran > kPoolStalled)
    reasons.push_back(fmt::format("the worker pool has stood still for {} ms", core::to_ms(now - engine.pool_ran)));
  if (!engine.accepts_rooms) reasons.emplace_back("overloaded: no further room begins to be mixed");
  return reasons;
}

}  // namespace partyline::gateway
