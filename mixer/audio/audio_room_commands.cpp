// Who comes and who goes: what the tick needs for it is made before, and what it needs no longer destroyed after, by
// those who ask for it.
#include <algorithm>
#include <bit>
#include <iterator>
#include <set>

#include "mixer/audio/audio_room.hpp"

namespace partyline::mixer {
namespace {

constexpr size_t kLeastSpace = 8;

constexpr size_t space_of(size_t count) {
  return count == 0 ? 0 : std::max(kLeastSpace, std::bit_ceil(count));
}

/// Makes the space for one more, unless it has come with one of `there_are`.
template <class T>
void make_space_for_another(size_t there_are, std::vector<T>& space) {
  if (space_of(there_are + 1) > space_of(there_are)) space.reserve(space_of(there_are + 1));
}

}  // namespace

void AudioRoom::post(std::list<Command> command) {
  std::list<Command> done;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  done.swap(done_);
  waiting_.splice(waiting_.end(), command);
  commands_.store(true, std::memory_order_release);
}

std::shared_ptr<AudioSource> AudioRoom::add_source(uint64_t member) {
  auto source = std::make_shared<AudioSource>(member, stereo_ != nullptr);
  std::list<Command> commands(1);
  Command& command = commands.front();
  command.add_seat = std::make_unique<Seat>();
  command.add_seat->source = source;
  {
    const std::lock_guard plan(plan_mutex_);
    make_space_for_another(sources_.size(), command.seats);
    make_space_for_another(sources_.size(), command.seated);
    {
      const std::lock_guard lock(mutex_);
      sources_.push_back(source);
      open_sources();
      for (KnownOutput& output : outputs_) output.barred = false;
    }
    post(std::move(commands));
  }
  replan();
  return source;
}

void AudioRoom::remove_source(uint64_t member) {
  std::list<Command> commands(1);
  commands.front().remove_seat = member;
  {
    const std::lock_guard plan(plan_mutex_);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(sources_, [member](const auto& source) { return source->member() == member; });
      for (KnownOutput& output : outputs_) output.barred = false;
    }
    post(std::move(commands));
  }
  replan();
}

// What brings an output into the mix.
core::Result<> AudioRoom::make_coming(const KnownOutput& output, Command& command) {
  core::Footprint footprint;
  output.gate->add_footprint(footprint);
  command.add_output = AudioOutput{output.id, output.member, output.gate, core::FootprintOf<4>(footprint)};
  command.member = output.member;
  command.format = output.format;
  auto shared = EncoderStream::create(output.format, apart(output.format));
  if (!shared) return shared.error();
  command.belongings.shared = std::move(*shared);
  make_space(output.format, command);
  if (!output.member) return {};
  auto own = EncoderStream::create(output.format, apart(output.format));
  if (!own) return own.error();
  command.belongings.own = std::move(*own);
  std::vector<std::shared_ptr<AudioSource>> taken_out;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::copy_if(sources_, std::back_inserter(taken_out), [&](const auto& source) {
      return source->member() == *output.member || source->unheard_by() == *output.member;
    });
  }
  for (const auto& source : taken_out) source->hears_at(find_audio_codec(output.format.codec)->sample_rate);
  return {};
}

void AudioRoom::make_space(const AudioFormat& format, Command& command) const {
  size_t of_this_format = 0;
  std::set<AudioFormat> formats;
  for (const KnownOutput& output : outputs_) {
    if (!output.in_mix) continue;
    formats.insert(output.format);
    of_this_format += output.format == format ? 1 : 0;
  }
  make_space_for_another(of_this_format, command.belongings.listeners);
  make_space_for_another(of_this_format, command.belongings.spares);
  if (of_this_format == 0) make_space_for_another(formats.size(), command.groups);
}

core::Result<> AudioRoom::add_output(OutputId id, std::optional<uint64_t> member, const AudioFormat& wanted,
                                     std::shared_ptr<core::FrameSink> sink) {
  if (!sink) return core::make_error(core::ErrorCode::invalid, "an output needs a sink");
  if (member && wanted.codec == core::Codec::aac) {
    return core::make_error(core::ErrorCode::unsupported, "AAC carries the whole mix only");
  }
  const auto format = checked_format(wanted, opus_bitrate_);
  if (!format) return format.error();
  KnownOutput output{id, member, {}, *format, {}, {}};
  if (pass_through_) sink = output.valve = std::make_shared<AudioValve>(std::move(sink), *format);
  output.gate = std::make_shared<AudioOutputGate>(std::move(sink));
  std::list<Command> commands(1);
  {
    const std::lock_guard plan(plan_mutex_);
    if (auto made = make_coming(output, commands.front()); !made) return made;
    {
      const std::lock_guard lock(mutex_);
      outputs_.push_back(std::move(output));
      open_sources();
    }
    post(std::move(commands));
  }
  replan();
  return {};
}

core::Result<> AudioRoom::set_format(OutputId id, const AudioFormat& wanted) {
  auto changed = change_format(id, wanted);
  if (changed) replan();  // with second copies it is not passed, without them it may be
  return changed;
}

core::Result<> AudioRoom::change_format(OutputId id, const AudioFormat& wanted) {
  const auto format = checked_format(wanted, opus_bitrate_);
  if (!format) return format.error();
  const std::lock_guard plan(plan_mutex_);
  KnownOutput changed;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(outputs_, id, &KnownOutput::id);
    if (at == outputs_.end()) return core::make_error(core::ErrorCode::not_found, "there is no such output");
    const AudioFormat& now = at->format;
    if (now.codec != format->codec || now.channels != format->channels || now.packet_time_ms != format->packet_time_ms)
      return core::make_error(core::ErrorCode::invalid, "another codec is another output");
    if (now == *format) return {};
    if (!at->in_mix) {  // it comes back with it
      at->format = *format;
      return {};
    }
    changed = *at;
  }
  std::list<Command> commands;
  commands.push_back(removal_of(changed));
  changed.format = *format;
  if (auto made = make_coming(changed, commands.emplace_back()); !made) return made;
  {
    const std::lock_guard lock(mutex_);
    std::ranges::find(outputs_, id, &KnownOutput::id)->format = *format;
  }
  post(std::move(commands));
  return {};
}

bool AudioRoom::remove_output(OutputId id) {
  KnownOutput gone;
  {
    const std::lock_guard plan(plan_mutex_);
    {
      const std::lock_guard lock(mutex_);
      const auto at = std::ranges::find(outputs_, id, &KnownOutput::id);
      if (at == outputs_.end()) return false;
      gone = std::move(*at);
      outputs_.erase(at);
      open_sources();
    }
    publish_routes();
    if (gone.in_mix) {
      std::list<Command> command;
      command.push_back(removal_of(gone));
      post(std::move(command));
    }
  }
  gone.gate->close();
  if (gone.valve) gone.valve->shut();
  replan();
  return true;
}

void AudioRoom::set_unheard_by(uint64_t member, uint64_t by) {
  {
    const std::lock_guard plan(plan_mutex_);
    std::shared_ptr<AudioSource> source;
    std::vector<int> rates;
    {
      const std::lock_guard lock(mutex_);
      source = source_of(member);
      if (!source || source->unheard_by() == by) return;
      for (const KnownOutput& output : outputs_)
        if (output.member == by) rates.push_back(find_audio_codec(output.format.codec)->sample_rate);
    }
    for (const int rate : rates) source->hears_at(rate);
    source->set_unheard_by(by);
    // For good: to look in vain costs a tick next to nothing.
    if (by != 0) second_sounds_.store(true, std::memory_order_relaxed);
  }
  replan();
}

void AudioRoom::close() {
  std::vector<OutputId> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const KnownOutput& output : outputs_) ids.push_back(output.id);
  }
  for (const OutputId id : ids) remove_output(id);
}

void AudioRoom::apply_commands() {
  if (!commands_.load(std::memory_order_acquire)) return;
  {
    const std::lock_guard lock(mutex_);
    applying_.swap(waiting_);
    commands_.store(false, std::memory_order_relaxed);
  }
  for (Command& command : applying_) apply(command);
  const std::lock_guard lock(mutex_);
  done_.splice(done_.end(), applying_);
}

void AudioRoom::apply(Command& command) {
  move_house(seats_, command.seats);
  move_house(seated_, command.seated);
  move_house(groups_, command.groups);
  if (command.add_seat) {
    const uint64_t member = command.add_seat->source->member();
    const auto at = std::upper_bound(seated_.begin(), seated_.end(), member);
    seats_.insert(seats_.begin() + (at - seated_.begin()), std::move(command.add_seat));
    seated_.insert(at, member);
  }
  if (command.remove_seat) {
    const auto at = std::lower_bound(seated_.begin(), seated_.end(), *command.remove_seat);
    if (at != seated_.end() && *at == *command.remove_seat) {
      const auto seat = seats_.begin() + (at - seated_.begin());
      command.add_seat = std::move(*seat);
      seats_.erase(seat);
      seated_.erase(at);
    }
  }
  if (command.add_output) {
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const EncoderGroup& existing) { return existing.format() == command.format; });
    if (group == groups_.end()) {
      group =
          groups_.emplace(groups_.end(), command.format, std::move(command.belongings.shared), apart(command.format));
    }
    group->add(std::move(*command.add_output), command.belongings);
  }
  if (Seat* const seat = command.member ? seat_of(*command.member) : nullptr) {
    seat->outputs += command.remove_output ? -1 : 1;
  }
  if (command.remove_output) {
    for (EncoderGroup& group : groups_) {
      if (group.remove(*command.remove_output, command.belongings)) break;
    }
    std::erase_if(groups_, [](const EncoderGroup& group) { return group.empty(); });
  }
}

}  // namespace partyline::mixer
