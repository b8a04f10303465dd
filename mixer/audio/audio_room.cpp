#include "mixer/audio/audio_room.hpp"

#include <algorithm>

namespace partyline::mixer {
namespace {
constexpr int kApartTicks = 100;  // 2 s
constexpr core::Duration kDelayStep = std::chrono::milliseconds(2);
}  // namespace

class AudioRoom::View final : public MixView {
 public:
  View(AudioRoom& room, int64_t index) : room_(room), index_(index) {}
  std::span<const float> full(size_t band) const override { return {room_.full_[band].data(), tick_samples(band)}; }
  std::span<const float> without(uint64_t member, size_t band) override {
    Seat* seat = room_.seat_of(member);
    if (!seat || seat->apart == 0) return {};
    const std::span<const float> sum = room_.bus_.mix(band);
    const std::span<float> out(room_.without_.data(), sum.size());
    if (seat->source->contributes()) {
      const std::span<const float> self = seat->source->samples_at(kBandRates[band]);
      for (size_t i = 0; i < out.size(); ++i) out[i] = sum[i] - self[i];
    } else {
      std::copy(sum.begin(), sum.end(), out.begin());
    }
    Own& own = seat->own[band];
    if (own.mixed_at == index_) own.limiter = own.before;  // for another of the member's outputs
    own.before = own.limiter;
    own.limiter.process(out);
    own.mixed_at = index_;
    if (seat->source->guards_echo()) seat->sent_level = level_dbov(out);
    return out;
  }

 private:
  AudioRoom& room_;
  int64_t index_;
};

AudioRoom::AudioRoom(core::Bitrate opus_bitrate, std::weak_ptr<AudioRoomObserver> observer)
    : opus_bitrate_(opus_bitrate), observer_(std::move(observer)) {}

AudioRoom::~AudioRoom() = default;

void AudioRoom::post(std::list<Command> command) {
  std::list<Command> done;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  done.swap(done_);
  waiting_.splice(waiting_.end(), command);
  commands_.store(true, std::memory_order_release);
}

std::shared_ptr<AudioSource> AudioRoom::add_source(uint64_t member) {
  auto source = std::make_shared<AudioSource>(member);
  std::list<Command> command(1);
  command.front().add_seat = std::make_unique<Seat>();
  command.front().add_seat->source = source;
  {
    const std::lock_guard lock(mutex_);
    sources_.push_back(source);
    open_sources();
    for (KnownOutput& output : outputs_) output.barred = false;
  }
  post(std::move(command));
  replan();
  return source;
}

void AudioRoom::remove_source(uint64_t member) {
  std::list<Command> command(1);
  command.front().remove_seat = member;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(sources_, [member](const auto& source) { return source->member() == member; });
    for (KnownOutput& output : outputs_) output.barred = false;
  }
  post(std::move(command));
  replan();
}

core::Result<> AudioRoom::make_streams(const AudioFormat& format, bool own, Command& command) {
  command.format = format;
  // Made here, on the caller's time: the tick allocates nothing. One stream is for the format's first output.
  auto shared = EncoderStream::create(format);
  if (!shared) return shared.error();
  command.shared = std::move(*shared);
  if (!own) return {};
  auto spare = EncoderStream::create(format);
  if (!spare) return spare.error();
  command.spare = std::move(*spare);
  return {};
}

core::Result<> AudioRoom::add_output(OutputId id, std::optional<uint64_t> member, const AudioFormat& wanted,
                                     std::shared_ptr<core::FrameSink> sink) {
  if (!sink) return core::make_error(core::ErrorCode::invalid, "an output needs a sink");
  if (member && wanted.codec == core::Codec::aac) {
    return core::make_error(core::ErrorCode::unsupported, "AAC carries the whole mix only");
  }
  const auto format = checked_format(wanted, opus_bitrate_);
  if (!format) return format.error();
  std::list<Command> commands(1);
  Command& command = commands.front();
  if (auto made = make_streams(*format, member.has_value(), command); !made) return made;
  std::shared_ptr<AudioValve> valve;
  if (pass_through_) sink = valve = std::make_shared<AudioValve>(std::move(sink), *format);
  auto gate = std::make_shared<AudioOutputGate>(std::move(sink));
  command.add_output = AudioOutput{id, member, gate};
  command.member = member;
  {
    const std::lock_guard plan(plan_mutex_);
    {
      const std::lock_guard lock(mutex_);
      outputs_.push_back({id, member, std::move(gate), *format, std::move(valve), {}});
      open_sources();
    }
    post(std::move(commands));
  }
  replan();
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

void AudioRoom::remove_outputs_of(uint64_t member) {
  std::vector<OutputId> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const KnownOutput& output : outputs_) {
      if (output.member == member) ids.push_back(output.id);
    }
  }
  for (const OutputId id : ids) remove_output(id);
}

void AudioRoom::close() {
  std::vector<OutputId> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const KnownOutput& output : outputs_) ids.push_back(output.id);
  }
  for (const OutputId id : ids) remove_output(id);
}

AudioRoom::Seat* AudioRoom::seat_of(uint64_t member) {
  // Sorted: members are numbered in the order they come.
  const auto at = std::lower_bound(seated_.begin(), seated_.end(), member);
  if (at == seated_.end() || *at != member) return nullptr;
  return seats_[static_cast<size_t>(at - seated_.begin())].get();
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
    if (group == groups_.end()) group = groups_.emplace(groups_.end(), command.format, std::move(command.shared));
    group->add(std::move(*command.add_output), std::move(command.spare));
  }
  if (Seat* const seat = command.member ? seat_of(*command.member) : nullptr) {
    seat->outputs += command.remove_output ? -1 : 1;
  }
  if (command.remove_output) {
    for (EncoderGroup& group : groups_) {
      if (group.remove(*command.remove_output, command.gone)) break;
    }
    std::erase_if(groups_, [](const EncoderGroup& group) { return group.empty(); });
  }
}

void AudioRoom::rest() {
  if (resting_) return;
  resting_ = true;
  for (const auto& seat : seats_) {
    seat->source->rest();
    seat->apart = 0;
    tell(*seat);
  }
  bus_.reset();
  shown_encoders_.store(0, std::memory_order_relaxed);
}

void AudioRoom::tell(Seat& seat) {
  const bool speaking = seat.source->speaking();
  const core::Duration delay = seat.source->playout_delay();
  const bool moved = seat.source->playing() && (delay > seat.delay + kDelayStep || delay < seat.delay - kDelayStep);
  if (speaking == seat.speaking && !moved) return;
  const auto observer = observer_.lock();
  if (speaking != seat.speaking && observer) observer->on_speaking(seat.source->member(), speaking);
  if (moved && observer) observer->on_playout_delay(seat.source->member(), delay);
  seat.speaking = speaking;
  if (moved) seat.delay = delay;
}

void AudioRoom::make_full() {
  std::array<bool, kBands> wanted{};
  for (const EncoderGroup& group : groups_) wanted[group.band()] = true;
  sounds_.begin();
  bus_.finish(wanted, sounds_);
  for (size_t band = 0; band < kBands; ++band) {
    if (!wanted[band]) continue;
    const std::span<const float> mix = bus_.mix(band);
    std::copy(mix.begin(), mix.end(), full_[band].begin());
    limiters_[band].process({full_[band].data(), mix.size()});
  }
}

// Those that guard are told what they were sent; what they share is measured once.
void AudioRoom::guard_against_echo() {
  std::optional<double> shared;
  for (const auto& seat : seats_) {
    if (seat->outputs == 0 || !seat->source->guards_echo()) continue;
    if (seat->apart == 0 && !shared) {
      const size_t band = groups_.front().band();
      shared = level_dbov({full_[band].data(), tick_samples(band)});
    }
    seat->source->note_sent(seat->apart > 0 ? seat->sent_level : *shared);
  }
}

bool AudioRoom::tick(core::TimePoint now) {
  apply_commands();
  if (groups_.empty()) {
    rest();
    return false;
  }
  resting_ = false;
  if (!origin_) origin_ = now;
  const TickTime time{now, (now - *origin_ + kTick / 2) / kTick};
  bus_.begin();
  for (const auto& seat : seats_) {
    AudioSource& source = *seat->source;
    source.tick(now);
    if (source.contributes()) {
      bus_.add(source.samples(), source.rate());
      if (seat->apart == 0) {
        for (size_t band = 0; band < kBands; ++band) seat->own[band].limiter = limiters_[band];
      }
    }
    seat->apart = source.contributes() ? kApartTicks : std::max(0, seat->apart - 1);
    tell(*seat);
  }
  make_full();
  View view(*this, time.index);
  size_t packets = 0;
  size_t encoders = 0;
  for (EncoderGroup& group : groups_) {
    packets += group.tick(time, view);
    encoders += group.running();
  }
  guard_against_echo();
  shown_ticks_.fetch_add(1, std::memory_order_relaxed);
  shown_packets_.fetch_add(packets, std::memory_order_relaxed);
  shown_encoders_.store(static_cast<int>(encoders), std::memory_order_relaxed);
  return true;
}

AudioRoomStats AudioRoom::stats() const {
  AudioRoomStats stats;
  stats.encoders = shown_encoders_.load(std::memory_order_relaxed);
  stats.ticks = shown_ticks_.load(std::memory_order_relaxed);
  stats.ticks_late = late_ticks_.load(std::memory_order_relaxed);
  stats.packets_encoded = shown_packets_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  stats.outputs = static_cast<int>(outputs_.size());
  stats.passed = static_cast<int>(std::ranges::count(outputs_, false, &KnownOutput::in_mix));
  return stats;
}

}  // namespace partyline::mixer
