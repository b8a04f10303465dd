#include "mixer/audio/audio_pass.hpp"

#include <cstdlib>
#include <mutex>

#include "core/counters.hpp"

namespace partyline::mixer {
namespace {

constexpr int kWarmMs = 100;  // the mix fills its playout buffers
constexpr int64_t kMostMissing = 50;
constexpr int64_t kJump = 500;  // packets; further apart, in either direction: it counts anew

core::Counter& dropped(const char* reason) {
  return core::counter("partyline_mixer_passed_audio_dropped_total", reason);
}

std::unique_ptr<AudioDecoder> make_reader(core::Codec codec) {
  const AudioCodecRow* row = find_audio_codec(codec);
  return row && row->make_decoder ? row->make_decoder() : nullptr;
}

}  // namespace

AudioPass::AudioPass(const AudioFormat& format)
    : format_(format),
      packet_units_(int64_t{format.packet_time_ms} * core::clock_rate_of(format.codec) / 1000),
      reader_(make_reader(format.codec)) {}

// In units of its RTP clock, which is not always what the codec works at (G.722, RFC 3551 §4.5.2); 0: malformed.
int64_t AudioPass::duration_of(const core::EncodedFrame& frame) const {
  if (!reader_ || frame.data.empty()) return 0;
  const int64_t samples = reader_->samples_in(frame.data);
  return samples * core::clock_rate_of(format_.codec) / find_audio_codec(format_.codec)->sample_rate;
}

bool AudioPass::fits(const core::EncodedFrame& frame) const {
  if (frame.codec != format_.codec || frame.comfort_noise) return false;
  const int64_t duration = duration_of(frame);
  // An Opus decoder takes packets of any length (RFC 7587 §4.2); with the others a receiver counts on what it asked
  // for.
  if (frame.codec == core::Codec::opus) return duration > 0 && duration <= 2880;
  return duration == packet_units_;
}

void AudioPass::aim() {
  misfit_ = false;
  if (state_ == State::mixed) {
    state_ = State::arming;
    fitting_ = 0;
  } else if (state_ == State::leaving && !cut_) {
    state_ = State::passing;
  }
}

void AudioPass::release(bool at_once) {
  if (state_ == State::arming) state_ = State::mixed;
  if (state_ == State::passing) {
    state_ = State::leaving;
    mixed_again_ms_ = 0;
  }
  cut_ = state_ == State::leaving && (cut_ || at_once);
}

std::optional<int64_t> AudioPass::take_mixed(const core::EncodedFrame& frame) {
  if (state_ == State::passing) return std::nullopt;
  if (state_ == State::leaving) {
    mixed_again_ms_ += format_.packet_time_ms;
    if (!cut_ && mixed_again_ms_ < kWarmMs) return std::nullopt;
    state_ = State::mixed;
    cut_ = false;
    splice_.change();
  }
  return splice_.next(frame, packet_units_);
}

bool AudioPass::take_passed(core::EncodedFrame& frame) {
  if (state_ == State::mixed || cut_) return false;
  if (!fits(frame)) {
    fitting_ = 0;
    // A description of noise in a pause: the receiver fills the pause itself.
    if (state_ != State::arming && frame.codec == format_.codec && frame.comfort_noise) return false;
    misfit_ = state_ != State::arming || frame.codec != format_.codec;
    if (misfit_) release(true);
    return false;
  }
  if (state_ == State::arming) {
    if (++fitting_ < kArming) return false;
    state_ = State::passing;
    next_sequence_ = frame.sequence;
    splice_.change();
  }
  if (std::abs(frame.sequence - next_sequence_) > kJump) {
    next_sequence_ = frame.sequence;
    splice_.change();
  }
  if (frame.sequence < next_sequence_) {
    ++late_;
    return false;
  }
  const int64_t missing = frame.sequence - next_sequence_;
  frame.after_loss = missing > 0 && missing <= kMostMissing;
  next_sequence_ = frame.sequence + 1;
  frame.rtp_time = splice_.next(frame, duration_of(frame));
  return true;
}

void AudioValve::push(const core::EncodedFrame& frame) {
  const std::lock_guard lock(mutex_);
  if (!sink_) return;
  const auto time = pass_.take_mixed(frame);
  if (!time) return;
  // Mostly as it is: a copy for each of a thousand receivers would be a thousand times two writes to one counter.
  if (*time == frame.rtp_time) return sink_->push(frame);
  core::EncodedFrame sent = frame;
  sent.rtp_time = *time;
  sink_->push(sent);
}

void AudioValve::add_footprint(core::Footprint& footprint) const {
  const std::lock_guard lock(mutex_);
  footprint.add(*this);
  core::add_footprint_of(sink_.get(), footprint);
}

bool AudioValve::pass(const core::EncodedFrame& frame) {
  static core::Counter& late = dropped("reason=\"late\"");
  const std::lock_guard lock(mutex_);
  const AudioPass::State before = pass_.state();
  const uint64_t late_before = pass_.late();
  core::EncodedFrame sent = frame;
  if (sink_ && pass_.take_passed(sent)) sink_->push(sent);
  late.add(pass_.late() - late_before);
  return pass_.state() != before || pass_.state() == AudioPass::State::mixed;
}

void AudioValve::aim() {
  const std::lock_guard lock(mutex_);
  pass_.aim();
}

void AudioValve::release(bool at_once) {
  const std::lock_guard lock(mutex_);
  pass_.release(at_once);
}

AudioPass::State AudioValve::state() const {
  const std::lock_guard lock(mutex_);
  return pass_.state();
}

bool AudioValve::take_misfit() {
  const std::lock_guard lock(mutex_);
  return pass_.take_misfit();
}

void AudioValve::shut() {
  std::shared_ptr<core::FrameSink> gone;
  const std::lock_guard lock(mutex_);
  gone.swap(sink_);
}

}  // namespace partyline::mixer
