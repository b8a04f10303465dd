#include "mixer/video/pass_board.hpp"

#include <algorithm>
#include <mutex>
#include <set>

namespace partyline::mixer {
namespace {

constexpr core::Duration kWarmUp = std::chrono::milliseconds(400);  // for decoders to come with pictures
// A still has no second picture that could be better, and cameras may take a while over a keyframe.
constexpr core::Duration kWarmUpOfStill = std::chrono::milliseconds(1500);

core::Duration warm_up(const VideoRendition& rendition) {
  return rendition.codec == core::Codec::jpeg ? kWarmUpOfStill : kWarmUp;
}

}  // namespace

void PassBoard::add(OutputId id, const VideoRendition& rendition, std::shared_ptr<OutputGate> gate,
                    std::shared_ptr<VideoValve> valve, const VideoOutputTraits& traits, core::TimePoint now) {
  Output& output = outputs_[id];
  output.rendition = rendition;
  output.gate = std::move(gate);
  output.valve = std::move(valve);
  output.hold_size = traits.hold_size;
  // A still shows what it begins with for good; others may begin in the middle of what others see.
  if (traits.may_wait && (!core_.active() || rendition.codec == core::Codec::jpeg)) {
    output.warm_since = now;
    await_views();
  } else {
    enter(id, output);
  }
}

void PassBoard::enter(OutputId id, Output& output) {
  output.warm_since.reset();
  output.in_mix = true;
  core_.add_output(id, output.rendition, output.gate, output.hold_size);
}

void PassBoard::allow(OutputId id, std::optional<uint64_t> viewer, const PassLimits& limits, core::TimePoint now) {
  const auto found = outputs_.find(id);
  if (found == outputs_.end()) return;
  Output& output = found->second;
  output.viewer = viewer;
  output.allowed = true;
  output.valve->allow(output.rendition, limits, now);
}

void PassBoard::remove(OutputId id) {
  core_.remove_output(id);
  if (outputs_.erase(id) == 0) return;
  await_views();
  publish_routes();
}

bool PassBoard::request_keyframe(OutputId id, core::TimePoint now) {
  const auto found = outputs_.find(id);
  if (found == outputs_.end() || found->second.valve->state() != State::passing) return false;
  found->second.valve->request_keyframe(now);
  replan(now);
  return true;
}

std::optional<uint64_t> PassBoard::wanted(const Output& output, bool pairs, core::TimePoint now) const {
  if (!output.allowed) return std::nullopt;
  const auto barred = output.valve->barred_until();
  if (barred && now < *barred) return std::nullopt;
  // Who is spared his own picture sees the other one anyway.
  const bool spared = output.viewer && output.rendition.hidden_member == *output.viewer;
  return core_.sole_picture(output.viewer, pairs || spared);
}

void PassBoard::turn(Output& output, std::optional<uint64_t> want, core::TimePoint now) {
  const State state = output.valve->state();
  if (!want || (output.source && output.source != want)) {
    if (state == State::arming || state == State::passing || (state == State::leaving && output.source))
      output.valve->release(!core_.may_be_shown(*output.source));
    if (output.valve->state() != State::mixed) return;
    output.source.reset();
    if (!want) return;
  }
  if (output.source == want && state != State::leaving && state != State::mixed) return;
  output.source = want;
  output.valve->aim(now);
}

// What the valve has come to, told to the mix.
void PassBoard::follow(OutputId id, Output& output, core::TimePoint now) {
  const State state = output.valve->state();
  if (state == State::passing) {
    output.warm_since.reset();
    if (std::exchange(output.in_mix, false)) core_.remove_output(id);
  } else if (!output.in_mix && !output.warm_since) {
    output.warm_since = now;
  }
}

void PassBoard::show_whole() {
  std::set<uint64_t> members;
  for (const auto& [id, output] : outputs_)
    if (!output.in_mix && output.source) members.insert(*output.source);
  core_.show_whole(members);
}

// Views are painted before somebody sees them, too.
void PassBoard::await_views() {
  std::set<uint64_t> hidden;
  for (const auto& [id, output] : outputs_)
    if (output.warm_since) hidden.insert(output.rendition.hidden_member);
  core_.await_views(hidden);
}

void PassBoard::replan(core::TimePoint now) {
  core_.watch_senders(now);
  const bool pairs = std::ranges::all_of(outputs_, [](const auto& entry) {
    const Output& output = entry.second;
    return output.rendition.codec == core::Codec::jpeg || (output.allowed && output.viewer);
  });
  for (auto& [id, output] : outputs_) {
    turn(output, wanted(output, pairs, now), now);
    follow(id, output, now);
    if (output.source && output.valve->poll(now)) ask_(*output.source);
  }
  show_whole();
  await_views();
  publish_routes();
}

void PassBoard::settle(core::TimePoint now) {
  for (auto& [id, output] : outputs_) {
    if (!output.warm_since || (!core_.settled() && now - *output.warm_since < warm_up(output.rendition))) continue;
    enter(id, output);
  }
  await_views();
}

bool PassBoard::warming() const {
  return std::ranges::any_of(outputs_, [](const auto& entry) { return entry.second.warm_since.has_value(); });
}

bool PassBoard::will_mix() const {
  return std::ranges::any_of(outputs_, [](const auto& entry) {
    return entry.second.warm_since && entry.second.rendition.codec != core::Codec::jpeg;
  });
}

int PassBoard::passing() const {
  return static_cast<int>(std::ranges::count_if(
      outputs_, [](const auto& entry) { return !entry.second.in_mix && entry.second.source.has_value(); }));
}

void PassBoard::publish_routes() {
  Routes routes;
  for (const auto& [id, output] : outputs_)
    if (output.source) routes.emplace_back(*output.source, output.valve);
  if (routes == routes_) return;
  // Whoever reads them carries all packets: the lock is held for a swap.
  const std::unique_lock lock(routes_mutex_);
  routes_.swap(routes);
  any_routes_ = !routes_.empty();
}

bool PassBoard::route(uint64_t member, const core::EncodedFrame& frame, core::TimePoint now) {
  if (!any_routes_) return false;
  bool passed = false;
  const std::shared_lock lock(routes_mutex_);
  for (const auto& [source, valve] : routes_)
    if (source == member) passed |= valve->pass(frame, now);
  return passed;
}

}  // namespace partyline::mixer
