// AudioSource's samples: what is decoded, recovered, concealed or made up until a tick's worth is there, and the
// periods that are taken out or put in so that the buffer has the depth it needs. On the audio tick.
#include <algorithm>
#include <cstring>

#include "mixer/audio/audio_source.hpp"
#include "mixer/audio/pitch.hpp"

namespace partyline::mixer {
namespace {

constexpr int64_t kLongestFill = 2 * kSampleRate;
constexpr int64_t kOpusStep = 120;  // libopus conceals multiples of 2.5 ms
constexpr int64_t kDeadBand = 48;   // 1 ms more than needed is not worth a stretch
constexpr size_t kStretchWindow = 240;
constexpr size_t kMostInserted = 480;  // two of them must fit into a tick's samples
constexpr int kStretchEvery = 3;       // ticks
constexpr double kGoodLikeness = 0.6;
constexpr double kQuiet = -55;    // dBov: any cut will do
constexpr int kInsistAfter = 10;  // refused stretches
constexpr int kUnsettled = 50;    // packets; G.722 takes the longest

}  // namespace

// pcm_ has so many samples more.
void AudioSource::grow(size_t samples, std::span<const float> side) {
  filled_ += samples;
  if (side_) side_->append(side, samples);
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
  if (side_) side_->reset(length);
  ratio_ = ratio;
  repeater_.reset(ratio_);
}

bool AudioSource::decode_sound(const QueuedFrame& front, core::TimePoint now) {
  wake_decoder();
  const size_t before = filled_;
  const int decoded = format_->decoder->decode(front.frame.data, std::span(pcm_).subspan(filled_));
  if (decoded <= 0) {
    shown_.errors.fetch_add(1, std::memory_order_relaxed);
    for (int64_t left = packet_samples_; left > 0;) left -= static_cast<int64_t>(conceal(static_cast<size_t>(left)));
    return false;
  }
  grow(static_cast<size_t>(decoded), format_->decoder->side());
  const std::span<float> sound(pcm_.data() + before, filled_ - before);
  repeater_.on_good(sound);
  packet_samples_ = front.samples;
  noisy_ = false;
  if (quiet_ > 0) settle_quiet(sound);
  note_silence(front.frame, sound, now);
  note_doze(sound);
  return true;
}

void AudioSource::decode_front(core::TimePoint now) {
  QueuedFrame& front = queue_.front();
  if (!format_ || format_->row->codec != front.frame.codec) {
    format_ = format_of(front.frame.codec);
    codec_ = front.frame.codec;
    if (dozer_) dozer_->forget();
    change_rate(static_cast<size_t>(kSampleRate / format_->row->sample_rate));
  }
  if (front.frame.comfort_noise) return take_noise();
  comfort_.stop();
  const size_t before = filled_;
  const bool good = leave_out(front, now) || decode_sound(front, now);
  if (good && front.frame.recovered) {
    shown_.red.fetch_add(1, std::memory_order_relaxed);
    note_replaced(front.frame.sequence);
  }
  capture_time_ = front.time;
  capture_ = front.frame.capture;
  const double waited = std::chrono::duration<double, std::milli>(
                            now - front.frame.arrival + samples_to_duration(static_cast<int64_t>(before * ratio_)))
                            .count();
  buffered_ms_ = buffered_ms_ == 0 ? waited : buffered_ms_ + (waited - buffered_ms_) * 0.05;
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
  unsettled_ = kUnsettled;
  const std::span<float> out(pcm_.data() + filled_, samples);
  if (comfort_.wanted()) {
    make_noise(out);
    grow(samples);
    return samples * ratio_;
  }
  if (dozing()) {
    grow_quiet(samples);
    return samples * ratio_;
  }
  const auto steps = static_cast<size_t>(kOpusStep);
  if (format_ && format_->row->sample_rate == kSampleRate && ratio_ == 1 && samples >= steps) {
    samples -= samples % steps;
    if (format_->decoder->conceal(out.first(samples))) {
      grow(samples, format_->decoder->side());
      return samples;
    }
  }
  repeater_.conceal(out.first(samples));
  if (format_) format_->decoder->on_loss();
  grow(samples);
  return samples * ratio_;
}

bool AudioSource::recover_from(const core::EncodedFrame& frame) {
  if (!format_ || format_->row->sample_rate != kSampleRate) return false;
  const auto samples = static_cast<size_t>(packet_samples_);
  if (samples > pcm_.size() - filled_ || !format_->decoder->has_redundancy(frame.data)) return false;
  wake_decoder();
  return format_->decoder->recover(frame.data, {pcm_.data() + filled_, samples});
}

void AudioSource::fill_gap(int64_t gap) {
  const QueuedFrame& front = queue_.front();
  const bool lost = front.frame.sequence != next_sequence_;
  // The last packet before the one we have may be inside it.
  if (lost && gap == packet_samples_ && recover_from(front.frame)) {
    grow(static_cast<size_t>(gap), format_->decoder->side());
    next_time_ += gap;
    shown_.fec.fetch_add(1, std::memory_order_relaxed);
    note_replaced(front.frame.sequence - 1);
    return;
  }
  // Whole packets, so that the last one can still be recovered.
  const int64_t most = lost && gap > packet_samples_ ? std::min(gap, packet_samples_) : gap;
  const auto made = static_cast<int64_t>(conceal(static_cast<size_t>(most)));
  next_time_ += made;
  if (lost) note_concealed(made);
}

// Inside a pause nothing is missed; at its end the beginning of a word may be.
void AudioSource::note_concealed(int64_t samples) {
  if (noisy_) return;
  if (heard_level_ > kQuiet) {
    shown_.concealed.fetch_add(static_cast<uint64_t>(samples), std::memory_order_relaxed);
  } else {
    quiet_ += samples;
  }
}

void AudioSource::settle_quiet(std::span<const float> decoded) {
  auto& counter = level_dbov(decoded) > kQuiet ? shown_.concealed : shown_.quiet;
  counter.fetch_add(static_cast<uint64_t>(quiet_), std::memory_order_relaxed);
  quiet_ = 0;
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
  if (side_) side_->remove_period(period);
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
  if (side_) side_->insert_period(period);
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

}  // namespace partyline::mixer
