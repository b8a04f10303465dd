#include "mixer/audio/audio_source.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/counters.hpp"

namespace partyline::mixer {
namespace {

constexpr size_t kPcmCapacity = 12288;  // a stretched tick, a 120 ms packet, and room
constexpr int64_t kJumpTime = 5 * kSampleRate;
constexpr int64_t kJumpSequence = 500;
constexpr int64_t kLongestStall = 120 * kSamplesPerMs;
constexpr core::Duration kLongestDelay = std::chrono::seconds(1);  // more is a clock gone wrong

core::Counter& dropped(const char* reason) {
  return core::counter("partyline_mixer_audio_dropped_total", std::string("reason=\"") + reason + "\"");
}

struct Drops {
  core::Counter& box_full = dropped("box_full");
  core::Counter& malformed = dropped("malformed");
  core::Counter& unsupported = dropped("unsupported");
  core::Counter& late = dropped("late");
  core::Counter& duplicate = dropped("duplicate");
  core::Counter& overflow = dropped("overflow");
  core::Counter& jump = dropped("jump");
};

Drops& drops() {
  static Drops instance;
  return instance;
}

}  // namespace

AudioSource::AudioSource(uint64_t member, bool stereo) : member_(member), pcm_(kPcmCapacity) {
  if (stereo) side_ = std::make_unique<SideChannel>(kPcmCapacity);
  replaced_.fill(INT64_MIN);
  drops();
}

void AudioSource::push(const core::EncodedFrame& frame) {
  if (!box_.open()) return;
  prepare(frame.codec);
  if (!box_.push(frame)) drops().box_full.add();
}

AudioSourceStats AudioSource::stats() const {
  AudioSourceStats stats;
  stats.speaking = shown_.speaking.load(std::memory_order_relaxed);
  // Also while nothing ticks.
  stats.self_muted = self_muted() || own_sound_.load(std::memory_order_relaxed) == OwnSound::refused;
  stats.level_dbov = shown_.level.load(std::memory_order_relaxed);
  stats.frames = shown_.frames.load(std::memory_order_relaxed);
  stats.concealed_ms = shown_.concealed.load(std::memory_order_relaxed) / kSamplesPerMs;
  stats.quiet_ms = shown_.quiet.load(std::memory_order_relaxed) / kSamplesPerMs;
  stats.left_out = shown_.left_out.load(std::memory_order_relaxed);
  stats.late_frames = shown_.late.load(std::memory_order_relaxed);
  stats.fec_recovered = shown_.fec.load(std::memory_order_relaxed);
  stats.red_recovered = shown_.red.load(std::memory_order_relaxed);
  stats.decode_errors = shown_.errors.load(std::memory_order_relaxed);
  stats.stretched = shown_.stretched.load(std::memory_order_relaxed);
  stats.buffered_ms = shown_.buffered_ms.load(std::memory_order_relaxed);
  stats.gain_db = shown_.gain_db.load(std::memory_order_relaxed);
  stats.echo_ms = shown_.echo_ms.load(std::memory_order_relaxed);
  return stats;
}

bool AudioSource::is_jump(const QueuedFrame& entry) const {
  if (entry.frame.codec != codec_) return false;  // another clock: judged when its turn comes
  return std::abs(entry.frame.sequence - next_sequence_) > kJumpSequence ||
         std::abs(entry.time - next_time_) > kJumpTime;
}

bool AudioSource::is_replaced(int64_t sequence) const {
  return std::find(replaced_.begin(), replaced_.end(), sequence) != replaced_.end();
}

// Whether the packet before this one is missing and inside it.
bool AudioSource::brings_another(const QueuedFrame& entry) const {
  const int64_t sequence = entry.frame.sequence;
  const bool missing = sequence > next_sequence_ && !queue_.contains(sequence - 1);
  return missing && format_ && format_->decoder->has_redundancy(entry.frame.data);
}

void AudioSource::receive(core::EncodedFrame&& frame, core::TimePoint now) {
  shown_.frames.fetch_add(1, std::memory_order_relaxed);
  note_packet(frame, now);
  Format* format = format_of(frame.codec);
  if (!format) return drops().unsupported.add();
  const int native = frame.comfort_noise ? 0 : format->decoder->samples_in(frame.data);
  if (native <= 0 && !frame.comfort_noise) {
    shown_.errors.fetch_add(1, std::memory_order_relaxed);
    return drops().malformed.add();
  }
  QueuedFrame entry;
  entry.time = frame.rtp_time * (kSampleRate / static_cast<int64_t>(core::clock_rate_of(frame.codec)));
  entry.samples = static_cast<int64_t>(native) * (kSampleRate / format->row->sample_rate);
  if (frame.arrival == core::TimePoint{}) frame.arrival = now;
  if (frame.capture == core::TimePoint{}) frame.capture = frame.arrival - samples_to_duration(entry.samples);
  const core::TimePoint arrival = frame.arrival;
  const core::Duration transit = arrival.time_since_epoch() - samples_to_duration(entry.time);
  entry.frame = std::move(frame);
  if (playing_ && is_jump(entry)) {
    while (!queue_.empty()) {
      queue_.pop();
      drops().jump.add();
    }
    stop();
    if (dozer_) dozer_->forget();
  }
  const int64_t time = entry.time;
  const bool known_clock = playing_ && entry.frame.codec == codec_;
  const bool late = known_clock && (entry.frame.sequence < next_sequence_ || time + entry.samples / 2 < next_time_);
  const bool two_in_one = known_clock && brings_another(entry);
  const int64_t samples = entry.samples;
  if (late && is_replaced(entry.frame.sequence)) {
    // Nobody missed it: no reason to wait longer for the next one.
    return drops().duplicate.add();
  }
  if (!late) {
    const PlayoutQueue::Insert inserted = queue_.insert(std::move(entry));
    if (inserted == PlayoutQueue::Insert::duplicate) {
      return drops().duplicate.add();
    }
    if (inserted == PlayoutQueue::Insert::overflowed) drops().overflow.add();
    if (playing_) settle_stall();
  }
  const int64_t ahead = time - (next_time_ - filled_time());
  if (known_clock) window_.on_packet(now, arrival, ahead, transit);
  // Where that happens often enough, the buffer grows by a packet and the second copy is in time.
  if (two_in_one) window_.on_packet(now, arrival, ahead - samples, transit + samples_to_duration(samples));
  if (!late || samples == 0) return;
  shown_.late.fetch_add(1, std::memory_order_relaxed);
  drops().late.add();
}

void AudioSource::start(core::TimePoint) {
  const QueuedFrame& front = queue_.front();
  playing_ = true;
  codec_ = front.frame.codec;
  next_sequence_ = front.frame.sequence;
  next_time_ = front.time;
  stalled_ = 0;
  filled_ = dozed_ = 0;
  if (side_) side_->reset();
  adapt_wait_ = adapt_skipped_ = 0;
  capture_time_ = front.time;
  capture_ = front.frame.capture;
  replaced_.fill(INT64_MIN);
  window_.restart();
  opens_at_ = 0;
  if (!comfort_.wanted()) applied_gain_ = 0;  // it may begin in the middle of a wave
  // Silence goes on for as long as what is here does not last until the packet behind it.
  const int64_t length = queue_.front().samples, tick = kTickSamples;
  const int64_t spare = std::max(tick - ready_samples(), length > tick ? length % tick : 0);
  if (spare <= 0 || queue_.front().frame.comfort_noise) return;
  grow(static_cast<size_t>(spare) / ratio_);
  std::fill_n(pcm_.begin(), filled_, 0.0F);
  opens_at_ = filled_;
}

void AudioSource::stop() {
  playing_ = false;
  filled_ = dozed_ = 0;
  if (side_) side_->reset();
  stalled_ = 0;
  quiet_ = 0;
  repeater_.reset(ratio_);
}

void AudioSource::prefetch() const {
  const auto fetch = [](const auto& what, size_t bytes) { core::fetch_ahead(&what, bytes); };
  fetch(box_, 192);  // the head and the first frame's slot, as below
  fetch(queue_, 160);
  fetch(window_, 192);
  fetch(format_, 64);
  fetch(repeater_, 40);
  fetch(dozer_, 8);
  fetch(said_, 40);
  fetch(comfort_, 64);
  fetch(playing_, 64);
  fetch(capture_time_, 64);
  fetch(activity_, sizeof activity_);
  fetch(own_mute_, sizeof own_mute_);
  fetch(loudness_, sizeof loudness_);
  fetch(echo_, 64);
  fetch(heard_level_, 64);
  fetch(shown_, sizeof shown_);
}

void AudioSource::prefetch_packet() const {
  constexpr size_t kHeaders = 64, kPayload = 160;  // of buffer and packet; what 20 ms take
  if (const uint8_t* const bytes = box_.newest()) core::fetch_ahead(bytes - kHeaders, kHeaders + kPayload);
}

void AudioSource::rest() {
  box_.drain([](core::EncodedFrame&&) {});
  queue_.clear();
  stop();
  comfort_.stop();
  activity_.reset();
  own_mute_.forget();
  if (dozer_) dozer_->forget();
  loudness_.reset();
  echo_.reset();
  contributes_ = false;
  applied_gain_ = 0;
  buffered_ms_ = 0;
  shown_.buffered_ms.store(0, std::memory_order_relaxed);
  shown_.speaking.store(false, std::memory_order_relaxed);
  shown_.self_muted.store(false, std::memory_order_relaxed);
  shown_.level.store(-127, std::memory_order_relaxed);
  shown_.echo_ms.store(0, std::memory_order_relaxed);
}

// What was made up while nothing came turns out to have been a lost packet or DTX (media time has passed) or mere
// lateness (everything behind it is later now).
void AudioSource::settle_stall() {
  if (stalled_ == 0 || queue_.empty()) return;
  const QueuedFrame& front = queue_.front();
  if (front.frame.codec == codec_) {
    const int64_t passed = std::clamp<int64_t>(front.time - next_time_, 0, stalled_);
    const bool dtx = front.frame.sequence == next_sequence_ && passed > 0;
    if (!dtx) note_concealed(stalled_);
    next_time_ += passed;
    window_.on_shift(stalled_ - passed);
  }
  stalled_ = 0;
}

int64_t AudioSource::ready_samples() const {
  int64_t ready = filled_time();
  int64_t sequence = next_sequence_;
  for (size_t i = 0; i < queue_.size() && queue_.at(i).frame.sequence == sequence; ++i, ++sequence) {
    ready += queue_.at(i).samples;
  }
  return ready;
}

void AudioSource::measure_delay(core::TimePoint now) {
  const int64_t play_time = next_time_ - filled_time() + stalled_;
  const core::Duration delay = std::clamp<core::Duration>(
      now - (capture_ + samples_to_duration(play_time - capture_time_)), core::Duration::zero(), kLongestDelay);
  const core::Duration off = delay - playout_delay_;
  const bool unknown = playout_delay_ == core::Duration::zero();
  const bool far = unknown || off > std::chrono::milliseconds(100) || off < -std::chrono::milliseconds(100);
  playout_delay_ = far ? delay : playout_delay_ + off / 32;
}

// The tick's samples, to `block` unless it is empty.
void AudioSource::pull(std::span<float> block) {
  const size_t samples = kTickSamples / ratio_;
  std::copy_n(pcm_.begin(), block.size(), block.begin());
  filled_ -= samples;
  dozed_ -= std::min(dozed_, samples);
  std::memmove(pcm_.data(), pcm_.data() + samples, filled_ * sizeof(float));
  if (side_) side_->pull(samples);
}

void AudioSource::silence() {
  if (!std::exchange(silent_, true)) block_.fill(0);
}

void AudioSource::note_sent(double level) {
  echo_.update(level, heard_level_);
  const double delay = std::chrono::duration<double, std::milli>(echo_.delay()).count();
  shown_.echo_ms.store(delay, std::memory_order_relaxed);
}

// What the member's sound is multiplied with, beside his gain.
float AudioSource::processed(double level) {
  if (!guards_echo() && shown_.echo_ms.load(std::memory_order_relaxed) > 0) {
    echo_.reset();
    shown_.echo_ms.store(0, std::memory_order_relaxed);
  }
  if (level_.load(std::memory_order_relaxed)) {
    loudness_.update(level, activity_.noise_floor(), activity_.speaking());
  } else if (loudness_.gain_db() != 0) {
    loudness_.reset();
  }
  shown_.gain_db.store(loudness_.gain_db(), std::memory_order_relaxed);
  return loudness_.factor() * echo_.gain();
}

// Level, gate and gain; whatever changes does so along a ramp. What nobody will hear is not copied.
void AudioSource::finish_block(bool ends) {
  const std::span<float> block(block_.data(), kTickSamples / ratio_);
  const bool dozed_at_start = dozed_ > 0;
  const bool suppresses = playing_ && suppress_noise_.load(std::memory_order_relaxed);
  const bool waits = playing_ && !suppresses;  // still in pcm_
  if (suppresses) {
    pull(block);
    silent_ = false;
    noise_.process(block, rate());
    if (side_) side_->mute();  // a voice that needs this is no music
  }
  const std::span<const float> heard = waits ? std::span<const float>(pcm_.data(), block.size()) : block;
  double level = playing_ || comfort_.wanted() ? level_dbov(heard) : -127;
  // Two channels may differ in nothing but their sign.
  if (side_ && waits) level = std::max(level, level_dbov(side_->ahead(block.size())));
  if (dozed_at_start) level = std::max(level, quiet_level_);
  heard_level_ = level;
  const double own = echo_.gain() < 1 ? -40.0 : 0.0;  // an echo makes nobody a speaker
  activity_.update(muted_now_ ? -127 : level + own);
  shown_.level.store(level, std::memory_order_relaxed);
  shown_.speaking.store(speaking(), std::memory_order_relaxed);
  shown_.buffered_ms.store(buffered_ms_, std::memory_order_relaxed);
  const float more = processed(level + own);
  const float target = active() && !ends ? gain_.load(std::memory_order_relaxed) * more : 0.0F;
  contributes_ = target > 0 || applied_gain_ > 0;
  if (waits) pull(contributes_ ? block : std::span<float>());
  if (!contributes_) return silence();
  if (waits) silent_ = false;
  if (target == 1.0F && applied_gain_ == 1.0F) return;
  // Opening takes 2.5 ms, so that a word's first sound is there; everything else the whole tick.
  const bool opens = applied_gain_ == 0.0F;
  const size_t from = opens ? std::min(std::exchange(opens_at_, 0), block.size()) : 0;
  const size_t ramp = opens ? std::min(block.size() / 8, block.size() - from) : block.size();
  const float step = (target - applied_gain_) / static_cast<float>(std::max<size_t>(ramp, 1));
  const auto amplify = [&](std::span<float> samples) {
    for (size_t i = 0; i < ramp; ++i) samples[from + i] *= applied_gain_ + step * static_cast<float>(i);
    for (size_t i = from + ramp; i < samples.size(); ++i) samples[i] *= target;
  };
  amplify(block);
  if (side_ && !side_->block().empty()) amplify(side_->block());
  applied_gain_ = target;
}

void AudioSource::tick(core::TimePoint now) {
  ++ticks_;
  if (side_) side_->begin();
  box_.drain([&](core::EncodedFrame&& frame) { receive(std::move(frame), now); });
  muted_now_ = muted_.load(std::memory_order_relaxed);
  if (muted_now_ && applied_gain_ == 0.0F) {
    queue_.clear();
    stop();
    own_mute_.forget_sound();
  }
  if (!playing_ && !queue_.empty()) {
    const QueuedFrame& front = queue_.front();
    const core::Duration transit = front.frame.arrival.time_since_epoch() - samples_to_duration(front.time);
    if (now >= front.frame.arrival + window_.hold(transit)) start(now);
  }
  if (playing_) {
    adapt(now);
    fill(kTickSamples, now);
    measure_delay(now);
  } else if (comfort_.wanted()) {
    comfort_.render({block_.data(), kTickSamples / ratio_});
    silent_ = false;
  } else {
    silence();
  }
  const bool ends = playing_ && stalled_ > kLongestStall;
  finish_block(ends);
  if (ends) stop();
  shown_.self_muted.store(own_mute_.update(own_sound_.load(std::memory_order_relaxed), now), std::memory_order_relaxed);
}

}  // namespace partyline::mixer
