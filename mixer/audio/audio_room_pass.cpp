// Packets that are passed on as they came: who gets whose, and how outputs leave the mix and come back into it.
#include <algorithm>

#include "mixer/audio/audio_room.hpp"

namespace partyline::mixer {

void AudioRoom::push(AudioSource& source, const core::EncodedFrame& frame) {
  source.push(frame);
  // What did not fit may fit by now: it is tried again.
  if (barred_packets_.load(std::memory_order_relaxed) > 0 &&
      barred_packets_.fetch_sub(1, std::memory_order_relaxed) == 1)
    lift_bars();
  if (!any_routes_.load(std::memory_order_acquire)) return;
  bool changed = false;
  {
    const std::shared_lock lock(routes_mutex_);
    for (const auto& [member, valve] : routes_)
      if (member == source.member()) changed = valve->pass(frame) || changed;
  }
  if (changed) replan();
}

void AudioRoom::lift_bars() {
  {
    const std::lock_guard lock(mutex_);
    for (KnownOutput& output : outputs_) output.barred = false;
  }
  replan();
}

void AudioRoom::allow_passing(bool allowed) {
  {
    const std::lock_guard lock(mutex_);
    passing_allowed_ = allowed;
  }
  replan();
}

std::shared_ptr<AudioSource> AudioRoom::source_of(uint64_t member) const {
  const auto found = std::ranges::find(sources_, member, &AudioSource::member);
  return found == sources_.end() ? nullptr : *found;
}

// Of two the other one; of one alone, for whoever is somebody else. Not for a listener whose path loses: what the
// talker sent has no second copies for him, an encode of ours does.
std::optional<uint64_t> AudioRoom::wanted_source(const KnownOutput& output) const {
  if (!passing_allowed_ || output.barred || output.format.expected_loss > 0) return std::nullopt;
  const bool pair = sources_.size() == 2 && output.member && source_of(*output.member) &&
                    std::ranges::all_of(outputs_, [](const KnownOutput& o) { return o.member.has_value(); });
  if (sources_.size() != 1 && !pair) return std::nullopt;
  for (const auto& source : sources_)
    if (source->member() != output.member && !source->altered() &&
        !(output.member && source->unheard_by() == *output.member))
      return source->member();
  return std::nullopt;
}

void AudioRoom::turn(KnownOutput& output) {
  AudioValve& valve = *output.valve;
  if (valve.take_misfit()) {
    output.barred = true;
    barred_packets_.store(kBarredPackets, std::memory_order_relaxed);
  }
  const auto want = wanted_source(output);
  if (!want || (output.source && output.source != want)) {
    const auto heard = output.source ? source_of(*output.source) : nullptr;
    valve.release(!heard || heard->muted());
    if (valve.state() != AudioPass::State::mixed) return;
    output.source.reset();
    if (!want) return;
  }
  const AudioPass::State state = valve.state();
  if (output.source == want && state != AudioPass::State::leaving && state != AudioPass::State::mixed) return;
  output.source = want;
  valve.aim();
}

void AudioRoom::replan() {
  if (!pass_through_) return;
  const std::lock_guard plan(plan_mutex_);
  std::list<Command> commands;
  std::vector<KnownOutput> coming;
  {
    const std::lock_guard lock(mutex_);
    for (KnownOutput& output : outputs_) {
      if (!output.valve) continue;
      turn(output);
      const bool passing = output.valve->state() == AudioPass::State::passing;
      if (passing && std::exchange(output.in_mix, false)) commands.push_back(removal_of(output));
      if (!passing && !output.in_mix) coming.push_back(output);
    }
    open_sources();
  }
  publish_routes();
  for (const KnownOutput& output : coming) {
    Command command;
    // Out of memory, in practice: it goes on as it is until the next change.
    if (!make_coming(output, command)) continue;
    come_in(output.id);
    commands.push_back(std::move(command));
  }
  if (!commands.empty()) post(std::move(commands));
}

AudioRoom::Command AudioRoom::removal_of(const KnownOutput& output) {
  Command command;
  command.remove_output = output.id;
  command.gate = output.gate;
  command.member = output.member;
  return command;
}

void AudioRoom::come_in(OutputId id) {
  const std::lock_guard lock(mutex_);
  const auto output = std::ranges::find(outputs_, id, &KnownOutput::id);
  output->in_mix = true;
  open_sources();
}

void AudioRoom::open_sources() {
  const bool open = std::ranges::any_of(outputs_, &KnownOutput::in_mix);
  for (const auto& source : sources_) source->set_open(open);
}

void AudioRoom::publish_routes() {
  Routes routes;
  {
    const std::lock_guard lock(mutex_);
    for (const KnownOutput& output : outputs_)
      if (output.source) routes.emplace_back(*output.source, output.valve);
  }
  // Not under mutex_, which the tick may need: whoever reads them is in the middle of sending.
  const std::unique_lock lock(routes_mutex_);
  routes_.swap(routes);
  any_routes_.store(!routes_.empty(), std::memory_order_release);
}

}  // namespace partyline::mixer
