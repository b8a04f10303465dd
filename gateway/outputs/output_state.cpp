#include "gateway/outputs/output_state.hpp"

#include <algorithm>

namespace partyline::gateway {

std::string_view to_string(OutputState state) {
  switch (state) {
    case OutputState::connecting:
      return "connecting";
    case OutputState::live:
      return "live";
    case OutputState::waiting:
      return "waiting";
    case OutputState::stopped:
      break;
  }
  return "stopped";
}

void OutputStateMachine::enter(OutputState state, core::TimePoint now) {
  state_ = state;
  since_ = now;
}

void OutputStateMachine::connected(core::TimePoint now) {
  if (state_ != OutputState::connecting) return;
  if (was_live_) ++reconnects_;
  was_live_ = true;
  error_.clear();
  enter(OutputState::live, now);
}

void OutputStateMachine::failed(core::TimePoint now, std::string error) {
  if (state_ != OutputState::connecting && state_ != OutputState::live) return;
  const bool proven = state_ == OutputState::live && now - since_ >= retry_.proven;
  wait_ = proven || wait_ == core::Duration::zero() ? retry_.first : std::min(wait_ * 2, retry_.longest);
  due_ = now + wait_;
  error_ = std::move(error);
  enter(OutputState::waiting, now);
}

void OutputStateMachine::stop(core::TimePoint now) {
  if (state_ != OutputState::stopped) enter(OutputState::stopped, now);
}

bool OutputStateMachine::tick(core::TimePoint now) {
  if (state_ != OutputState::waiting || now < due_) return false;
  enter(OutputState::connecting, now);
  return true;
}

}  // namespace partyline::gateway
