#include "mixer/audio/audio_source.hpp"

#include <algorithm>
#include <cstring>

#include "core/counters.hpp"
#include "mixer/audio/pitch.hpp"

namespace partyline::mixer {
namespace {

constexpr size_t kPcmCapacity = 12288;  // a stretched tick, a 120 ms packet, and room
constexpr int64_t kJumpTime = 5 * kSampleRate;
constexpr int64_t kJumpSequence = 500;
constexpr int64_t kLongestFill = 2 * kSampleRate;
constexpr int64_t kLongestStall = 120 * kSamplesPerMs;
constexpr core::Duration kLongestDelay = std::chrono::seconds(1);  // more is a clock gone wrong
constexpr int64_t kOpusStep = 120;                                 // libopus conceals multiples of 2.5 ms
constexpr int64_t kDeadBand = 48;                                  // 1 ms more than needed is not worth a stretch
constexpr size_t kStretchWindow = 240;
constexpr size_t kMostInserted = 480;  // two of them must fit into a tick's samples
constexpr int kStretchEvery = 3;       // ticks
constexpr double kGoodLikeness = 0.6;
constexpr double kQuiet = -55;    // dBov: any cut will do
constexpr int kInsistAfter = 10;  // refused stretches

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

AudioSource::AudioSource(uint64_t member) : member_(member), pcm_(kPcmCapacity) {
  formats_.reserve(8);
  drops();
}

void AudioSource::push(const core::EncodedFrame& frame) {
  if (!box_.push(frame)) drops().box_full.add();
}

AudioSourceStats AudioSource::stats() const {
  AudioSourceStats stats;
  stats.speaking = shown_.speaking.load(std::memory_order_relaxed);
  stats.level_dbov = shown_.level.load(std::memory_order_relaxed);
  stats.frames = shown_.frames.load(std::memory_order_relaxed);
  stats.concealed_ms = shown_.concealed.load(std::memory_order_relaxed) / kSamplesPerMs;
  stats.late_frames = shown_.late.load(std::memory_order_relaxed);
  stats.duplicates = shown_.duplicates.load(std::memory_order_relaxed);
  stats.fec_recovered = shown_.fec.load(std::memory_order_relaxed);
  stats.red_recovered = shown_.red.load(std::memory_order_relaxed);
  stats.decode_errors = shown_.errors.load(std::memory_order_relaxed);
  stats.stretched = shown_.stretched.load(std::memory_order_relaxed);
  stats.buffered_ms = shown_.buffered_ms.load(std::memory_order_relaxed);
  stats.gain_db = shown_.gain_db.load(std::memory_order_relaxed);
  stats.echo_ms = shown_.echo_ms.load(std::memory_order_relaxed);
  return stats;
}

AudioSource::Format* AudioSource::format_of(core::Codec codec) {
  if (format_ && format_->row->codec == codec) return format_;
  for (Format& format : formats_) {
    if (format.row->codec == codec) return &format;
  }
  const AudioCodecRow* row = find_audio_codec(codec);
  if (!row || !row->make_decoder || formats_.size() == formats_.capacity()) return nullptr;
  auto decoder = row->make_decoder();
  if (!decoder) return nullptr;
  formats_.push_back({row, std::move(decoder)});
  return &formats_.back();
}

bool AudioSource::is_jump(const QueuedFrame& entry) const {
  if (entry.frame.codec != codec_) return false;  // another clock: judged when its turn comes
  return std::abs(entry.frame.sequence - next_sequence_) > kJumpSequence ||
         std::abs(entry.time - next_time_) > kJumpTime;
}

// Whether the packet before this one is missing and inside it.
bool AudioSource::brings_another(const QueuedFrame& entry) const {
  const int64_t sequence = entry.frame.sequence;
  const bool missing = sequence > next_sequence_ && !queue_.contains(sequence - 1);
  return missing && format_ && format_->decoder->has_redundancy(entry.frame.data);
}

void AudioSource::receive(core::EncodedFrame&& frame, core::TimePoint now) {
  shown_.frames.fetch_add(1, std::memory_order_relaxed);
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
  }
  const int64_t time = entry.time;
  const bool known_clock = playing_ && entry.frame.codec == codec_;
  const bool late = known_clock && (entry.frame.sequence < next_sequence_ || time + entry.samples / 2 < next_time_);
  const bool two_in_one = known_clock && brings_another(entry);
  const int64_t samples = entry.samples;
  if (!late) {
    const PlayoutQueue::Insert inserted = queue_.insert(std::move(entry));
    if (inserted == PlayoutQueue::Insert::duplicate) {
      shown_.duplicates.fetch_add(1, std::memory_order_relaxed);
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
  filled_ = 0;
  adapt_wait_ = adapt_skipped_ = 0;
  capture_time_ = front.time;
  capture_ = front.frame.capture;
  window_.restart();
}

void AudioSource::stop() {
  playing_ = false;
  filled_ = 0;
  stalled_ = 0;
  repeater_.reset(ratio_);
}

void AudioSource::rest() {
  box_.drain([](core::EncodedFrame&&) {});
  queue_.clear();
  stop();
  comfort_.stop();
  activity_.reset();
  loudness_.reset();
  echo_.reset();
  contributes_ = false;
  applied_gain_ = 0;
  shown_.speaking.store(false, std::memory_order_relaxed);
  shown_.level.store(-127, std::memory_order_relaxed);
}

// What was made up while nothing came turns out to have been a lost packet or DTX (media time has passed) or mere
// lateness (everything behind it is later now).
void AudioSource::settle_stall() {
  if (stalled_ == 0 || queue_.empty()) return;
  const QueuedFrame& front = queue_.front();
  if (front.frame.codec == codec_) {
    const int64_t passed = std::clamp<int64_t>(front.time - next_time_, 0, stalled_);
    const bool dtx = front.frame.sequence == next_sequence_ && passed > 0;
    if (!dtx && !noisy_) shown_.concealed.fetch_add(static_cast<uint64_t>(stalled_), std::memory_order_relaxed);
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

// What the old codec has left is a few milliseconds: straight lines between its samples, or their means, will do.
void AudioSource::change_rate(size_t ratio) {
  if (ratio == ratio_) return;
  const size_t length = std::min(filled_ * ratio_ / ratio, pcm_.size());
  if (ratio < ratio_) {
    const size_t parts = ratio_ / ratio;
    for (size_t i = length; i-- > 0;) {  // from the end: each is read before it is written over
      const size_t at = i / parts;
      const float next = at + 1 < filled_ ? pcm_[at + 1] : pcm_[at];
      pcm_[i] = pcm_[at] + (next - pcm_[at]) * static_cast<float>(i % parts) / static_cast<float>(parts);
    }
  } else {
    const size_t parts = ratio / ratio_;
    for (size_t i = 0; i < length; ++i) {
      float sum = 0;
      for (size_t part = 0; part < parts; ++part) sum += pcm_[i * parts + part];
      pcm_[i] = sum / static_cast<float>(parts);
    }
  }
  filled_ = length;
  ratio_ = ratio;
  repeater_.reset(ratio_);
}

std::span<const float> AudioSource::samples_at(int rate) {
  const int from = this->rate();
  if (from == rate) return samples();
  auto found = std::find_if(converted_.begin(), converted_.end(),
                            [&](const auto& known) { return known->from == from && known->to == rate; });
  if (found == converted_.end()) {
    found = converted_.insert(found, std::unique_ptr<Converted>(new Converted{from, rate, Resampler(from, rate)}));
  }
  Converted& converted = **found;
  const std::span<float> out(converted.block.data(), kTickSamples / static_cast<size_t>(kSampleRate / rate));
  if (converted.tick == ticks_) return out;
  // Not asked for in the last tick: it was silent then, and an empty memory is the right one.
  if (converted.tick + 1 != ticks_) converted.resampler.reset();
  converted.resampler.process(samples(), out);
  converted.tick = ticks_;
  return out;
}

void AudioSource::decode_front(core::TimePoint now) {
  QueuedFrame& front = queue_.front();
  if (!format_ || format_->row->codec != front.frame.codec) {
    format_ = format_of(front.frame.codec);
    codec_ = front.frame.codec;
    change_rate(static_cast<size_t>(kSampleRate / format_->row->sample_rate));
  }
  if (front.frame.comfort_noise) return take_noise();
  comfort_.stop();
  const size_t before = filled_;
  const int decoded = format_->decoder->decode(front.frame.data, std::span(pcm_).subspan(filled_));
  if (decoded > 0) {
    filled_ += static_cast<size_t>(decoded);
    repeater_.on_good({pcm_.data() + before, filled_ - before});
    packet_samples_ = front.samples;
    noisy_ = false;
    if (front.frame.recovered) shown_.red.fetch_add(1, std::memory_order_relaxed);
  } else {
    shown_.errors.fetch_add(1, std::memory_order_relaxed);
    for (int64_t left = packet_samples_; left > 0;) left -= static_cast<int64_t>(conceal(static_cast<size_t>(left)));
  }
  capture_time_ = front.time;
  capture_ = front.frame.capture;
  const double waited = std::chrono::duration<double, std::milli>(
                            now - front.frame.arrival + samples_to_duration(static_cast<int64_t>(before * ratio_)))
                            .count();
  buffered_ms_ += (waited - buffered_ms_) * 0.05;
  next_time_ = front.time + front.samples;
  next_sequence_ = front.frame.sequence + 1;
  queue_.pop();
}

// From here on noise fills the time, until somebody talks again.
void AudioSource::take_noise() {
  const QueuedFrame& front = queue_.front();
  comfort_.describe(front.frame.data, rate() == 8000);
  capture_time_ = front.time;
  capture_ = front.frame.capture;
  next_time_ = std::max(next_time_, front.time);
  next_sequence_ = front.frame.sequence + 1;
  queue_.pop();
}

// What was heard last goes on and fades into the noise.
void AudioSource::make_noise(std::span<float> out) {
  if (noisy_) return comfort_.render(out);
  Block noise;
  const std::span<float> made(noise.data(), out.size());
  comfort_.render(made);
  repeater_.conceal(out);
  for (size_t i = 0; i < out.size(); ++i) {
    const float weight = static_cast<float>(i + 1) / static_cast<float>(out.size());
    out[i] += (made[i] - out[i]) * weight;
  }
  repeater_.reset(ratio_);
  noisy_ = true;
}

// `samples` at 48 kHz, at most 20 ms at a time; returns how much of them (0: too little to fill).
size_t AudioSource::conceal(size_t samples) {
  samples = std::min(std::min(samples, kTickSamples) / ratio_, pcm_.size() - filled_);
  const std::span<float> out(pcm_.data() + filled_, samples);
  if (comfort_.wanted()) {
    make_noise(out);
    filled_ += samples;
    return samples * ratio_;
  }
  const auto steps = static_cast<size_t>(kOpusStep);
  if (format_ && format_->row->sample_rate == kSampleRate && ratio_ == 1 && samples >= steps) {
    samples -= samples % steps;
    if (format_->decoder->conceal(out.first(samples))) {
      filled_ += samples;
      return samples;
    }
  }
  repeater_.conceal(out.first(samples));
  if (format_) format_->decoder->on_loss();
  filled_ += samples;
  return samples * ratio_;
}

void AudioSource::fill_gap(int64_t gap) {
  const QueuedFrame& front = queue_.front();
  const bool lost = front.frame.sequence != next_sequence_;
  // The last packet before the one we have may be inside it.
  if (lost && gap == packet_samples_ && format_ && format_->row->sample_rate == kSampleRate &&
      static_cast<size_t>(gap) <= pcm_.size() - filled_ &&
      format_->decoder->recover(front.frame.data, {pcm_.data() + filled_, static_cast<size_t>(gap)})) {
    filled_ += static_cast<size_t>(gap);
    next_time_ += gap;
    shown_.fec.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  // Whole packets, so that the last one can still be recovered.
  const int64_t most = lost && gap > packet_samples_ ? std::min(gap, packet_samples_) : gap;
  const auto made = static_cast<int64_t>(conceal(static_cast<size_t>(most)));
  next_time_ += made;
  if (lost && !noisy_) shown_.concealed.fetch_add(static_cast<uint64_t>(made), std::memory_order_relaxed);
}

void AudioSource::stall() {
  stalled_ += static_cast<int64_t>(conceal(kTickSamples / 2));
}

void AudioSource::fill(size_t wanted, core::TimePoint now) {
  // Each turn adds at least a sample or consumes a packet.
  while (filled_ * ratio_ < wanted) {
    if (queue_.empty()) {
      stall();
      continue;
    }
    settle_stall();
    const QueuedFrame& front = queue_.front();
    const int64_t gap = front.frame.codec == codec_ ? front.time - next_time_ : 0;
    if (gap > kLongestFill || (gap > 0 && gap < static_cast<int64_t>(ratio_))) {
      next_time_ = front.time;  // a hole this long is not worth keeping time for, nor one of less than a sample
    } else if (gap > 0) {
      fill_gap(gap);
    } else {
      decode_front(now);
    }
  }
}

bool AudioSource::take_out(int64_t most, bool insist, core::TimePoint now) {
  const auto wanted = static_cast<size_t>(std::min<int64_t>(most, kMaxPeriod));
  if (ready_samples() < static_cast<int64_t>(kTickSamples + wanted)) return false;
  fill(kTickSamples + wanted, now);  // may change the rate
  const std::span<float> pcm(pcm_.data(), filled_);
  const size_t longest = wanted / ratio_;
  const size_t shortest = kMinPeriod / ratio_;
  size_t period = longest;
  if (level_dbov(pcm.first(kTickSamples / ratio_)) > kQuiet) {
    if (longest < shortest) return false;
    const Period found = find_period(pcm, kStretchWindow / ratio_, shortest, longest, ratio_);
    if (found.likeness < kGoodLikeness && !insist) return false;
    period = found.samples;
  }
  filled_ = remove_period(pcm, period);
  window_.on_shift(-static_cast<int64_t>(period * ratio_));
  return true;
}

bool AudioSource::put_in(bool insist, core::TimePoint now) {
  if (ready_samples() < static_cast<int64_t>(kTickSamples)) return false;
  fill(kTickSamples, now);
  const std::span<float> pcm(pcm_);
  const size_t longest = kMostInserted / ratio_;
  size_t period = longest;
  if (level_dbov(pcm.first(kTickSamples / ratio_)) > kQuiet) {
    const Period found =
        find_period(pcm.first(filled_), kStretchWindow * 2 / ratio_, kMinPeriod / ratio_, longest, ratio_);
    if (found.likeness < kGoodLikeness && !insist) return false;
    period = found.samples;
  }
  filled_ = insert_period(pcm, filled_, period);
  window_.on_shift(static_cast<int64_t>(period * ratio_));
  return true;
}

void AudioSource::adapt(core::TimePoint now) {
  if (adapt_wait_ > 0) {
    --adapt_wait_;
    return;
  }
  const auto allowed = window_.allowed();
  if (!allowed) return;
  bool done = false;
  const bool insist = adapt_skipped_ >= kInsistAfter;
  if (*allowed < 0) {
    done = put_in(insist, now);
  } else if (*allowed > kDeadBand && window_.settled()) {
    done = take_out(*allowed, insist, now);
  } else {
    return;
  }
  adapt_skipped_ = done ? 0 : adapt_skipped_ + 1;
  if (!done) return;
  adapt_wait_ = kStretchEvery - 1;
  shown_.stretched.fetch_add(1, std::memory_order_relaxed);
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

void AudioSource::pull() {
  const size_t samples = kTickSamples / ratio_;
  std::copy_n(pcm_.begin(), samples, block_.begin());
  filled_ -= samples;
  std::memmove(pcm_.data(), pcm_.data() + samples, filled_ * sizeof(float));
}

void AudioSource::set_processing(const VoiceProcessing& wanted) {
  level_.store(wanted.common_loudness, std::memory_order_relaxed);
  suppress_noise_.store(wanted.noise_suppression, std::memory_order_relaxed);
  guard_echo_.store(wanted.echo_guard, std::memory_order_relaxed);
}

void AudioSource::note_sent(double level) {
  echo_.update(level, heard_level_);
  const double delay = std::chrono::duration<double, std::milli>(echo_.delay()).count();
  shown_.echo_ms.store(delay, std::memory_order_relaxed);
}

// What the member's sound is multiplied with, beside his gain.
float AudioSource::processed(double level) {
  if (!guards_echo() && echo_.echoing()) {
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

// Level, gate and gain; whatever changes does so along a ramp.
void AudioSource::finish_block() {
  const std::span<float> block(block_.data(), kTickSamples / ratio_);
  if (playing_ && suppress_noise_.load(std::memory_order_relaxed)) noise_.process(block, rate());
  const double level = playing_ || comfort_.wanted() ? level_dbov(block) : -127;
  heard_level_ = level;
  const double own = echo_.gain() < 1 ? -40.0 : 0.0;  // an echo makes nobody a speaker
  activity_.update(muted_now_ ? -127 : level + own);
  shown_.level.store(level, std::memory_order_relaxed);
  shown_.speaking.store(speaking(), std::memory_order_relaxed);
  shown_.buffered_ms.store(buffered_ms_, std::memory_order_relaxed);
  const float more = processed(level + own);
  const float target = active() ? gain_.load(std::memory_order_relaxed) * more : 0.0F;
  contributes_ = target > 0 || applied_gain_ > 0;
  if (!contributes_) {
    std::fill(block.begin(), block.end(), 0.0F);
    return;
  }
  if (target == 1.0F && applied_gain_ == 1.0F) return;
  // Opening takes 2.5 ms, so that a word's first sound is there; everything else the whole tick.
  const size_t ramp = applied_gain_ == 0.0F ? block.size() / 8 : block.size();
  const float step = (target - applied_gain_) / static_cast<float>(ramp);
  for (size_t i = 0; i < ramp; ++i) block[i] *= applied_gain_ + step * static_cast<float>(i);
  for (size_t i = ramp; i < block.size(); ++i) block[i] *= target;
  applied_gain_ = target;
}

void AudioSource::tick(core::TimePoint now) {
  ++ticks_;
  box_.drain([&](core::EncodedFrame&& frame) { receive(std::move(frame), now); });
  muted_now_ = muted_.load(std::memory_order_relaxed);
  if (muted_now_ && applied_gain_ == 0.0F) {
    queue_.clear();
    stop();
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
    pull();
    if (stalled_ > kLongestStall) stop();
  } else if (comfort_.wanted()) {
    comfort_.render({block_.data(), kTickSamples / ratio_});
  } else {
    std::fill_n(block_.begin(), kTickSamples / ratio_, 0.0F);
  }
  finish_block();
}

}  // namespace partyline::mixer
