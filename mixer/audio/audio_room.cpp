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
  MixSpan full(size_t band) const override {
    if (band == kStereoBand) return room_.stereo_->full();
    return {{room_.full_[band].data(), tick_samples(band)}, {}};
  }
  MixSpan without(uint64_t member, size_t wanted) override {
    Seat* seat = room_.seat_of(member);
    if (!seat || seat->apart == 0) return {};
    const size_t band = std::min(wanted, kBands - 1);  // two channels: the mean at the highest rate
    const std::span<const float> sum = room_.bus_.mix(band);
    const std::span<float> out(room_.without_.data(), sum.size());
    const auto self = seat->source->contributes() ? seat->source->samples_at(kBandRates[band]) : MixSpan{}.left;
    if (!self.empty()) {
      for (size_t i = 0; i < out.size(); ++i) out[i] = sum[i] - self[i];
    } else {
      std::copy(sum.begin(), sum.end(), out.begin());
    }
    AudioSource* const second = seat->second ? seat->second->source.get() : nullptr;
    if (second) {
      const auto samples = second->samples_at(kBandRates[band]);
      for (size_t i = 0; i < samples.size(); ++i) out[i] -= samples[i];
    }
    Own& own = seat->own[wanted];
    if (own.mixed_at == index_) own.limiter = own.before;  // for another of the member's outputs
    own.before = own.limiter;
    own.mixed_at = index_;
    if (wanted == kStereoBand) {
      if (seat->source->guards_echo()) seat->sent_level = level_dbov(out);
      return room_.stereo_->without(out, seat->source->side(), second ? second->side() : std::span<const float>(),
                                    own.limiter);
    }
    own.limiter.process(out);
    if (seat->source->guards_echo()) seat->sent_level = level_dbov(out);
    return {out, {}};
  }

 private:
  AudioRoom& room_;
  int64_t index_;
};

AudioRoom::AudioRoom(core::Bitrate opus_bitrate, std::weak_ptr<AudioRoomObserver> observer)
    : opus_bitrate_(opus_bitrate), observer_(std::move(observer)) {}

AudioRoom::~AudioRoom() = default;

AudioRoom::Seat* AudioRoom::seat_of(uint64_t member) {
  // Sorted: members are numbered in the order they come.
  const auto at = std::lower_bound(seated_.begin(), seated_.end(), member);
  if (at == seated_.end() || *at != member) return nullptr;
  return seats_[static_cast<size_t>(at - seated_.begin())].get();
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
  const Speech speech = seat.source->speech();
  const core::Duration delay = seat.source->playout_delay();
  const bool moved = seat.source->playing() && (delay > seat.delay + kDelayStep || delay < seat.delay - kDelayStep);
  const bool self_muted = seat.source->self_muted();
  if (speech == seat.speech && !moved && self_muted == seat.self_muted) return;
  const auto observer = observer_.lock();
  if (speech != seat.speech && observer) observer->on_speech(seat.source->member(), speech);
  if (moved && observer) observer->on_playout_delay(seat.source->member(), delay);
  if (self_muted != seat.self_muted && observer) observer->on_self_muted(seat.source->member(), self_muted);
  seat.speech = speech;
  seat.self_muted = self_muted;
  if (moved) seat.delay = delay;
}

// From now on, and for a while after the last time, it has a mix of its own, which begins as everybody's.
void AudioRoom::keep_apart(Seat& seat) {
  if (seat.apart == 0) {
    for (size_t band = 0; band < kBands; ++band) seat.own[band].limiter = limiters_[band];
    if (stereo_) seat.own[kStereoBand].limiter = stereo_->limiter();
  }
  seat.apart = kApartTicks;
}

void AudioRoom::find_second_sounds() {
  for (const auto& seat : seats_) {
    if (seat->source->unheard_by() == 0 || !seat->source->contributes()) continue;
    Seat* const owner = seat_of(seat->source->unheard_by());
    if (!owner) continue;
    keep_apart(*owner);
    owner->second = seat.get();
  }
}

void AudioRoom::make_full() {
  std::array<bool, kBands> wanted{};
  bool two_channels = false;
  for (const EncoderGroup& group : groups_) {
    wanted[std::min(group.band(), kBands - 1)] = true;
    two_channels = two_channels || group.band() == kStereoBand;
  }
  sounds_.begin();
  bus_.finish(wanted, sounds_);
  for (size_t band = 0; band < kBands; ++band) {
    if (!wanted[band]) continue;
    const std::span<const float> mix = bus_.mix(band);
    std::copy(mix.begin(), mix.end(), full_[band].begin());
    limiters_[band].process({full_[band].data(), mix.size()});
  }
  if (two_channels) stereo_->finish(bus_.mix(kBands - 1));
}

// Those that guard are told what they were sent; what they share is measured once.
void AudioRoom::guard_against_echo() {
  std::optional<double> shared;
  for (const auto& seat : seats_) {
    if (seat->outputs == 0 || !seat->source->guards_echo()) continue;
    if (seat->apart == 0 && !shared) {
      const size_t band = std::min(groups_.front().band(), kBands - 1);
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
  if (stereo_) stereo_->begin();
  for (size_t i = 0; i < seats_.size(); ++i) {
    if (i + 3 < seats_.size()) __builtin_prefetch(seats_[i + 3].get(), 1);
    if (i + 2 < seats_.size()) seats_[i + 2]->source->prefetch();
    if (i + 1 < seats_.size()) seats_[i + 1]->source->prefetch_packet();
    const auto& seat = seats_[i];
    AudioSource& source = *seat->source;
    source.tick(now);
    if (source.contributes()) {
      bus_.add(source.samples(), source.rate());
      if (const auto side = source.side(); !side.empty()) stereo_->add(side);
      keep_apart(*seat);
    } else {
      seat->apart = std::max(0, seat->apart - 1);
    }
    seat->second = nullptr;
    tell(*seat);
  }
  if (second_sounds_.load(std::memory_order_relaxed)) find_second_sounds();
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
