// AudioSource's packets that nobody would hear: left out, and made up for when somebody speaks. On the audio tick.
#include <algorithm>
#include <utility>

#include "core/counters.hpp"
#include "mixer/audio/audio_source.hpp"

namespace partyline::mixer {
namespace {

core::Counter& left_out_everywhere() {
  static core::Counter& counter = core::counter("partyline_mixer_audio_left_out_total");
  return counter;
}

}  // namespace

void AudioSource::make_dozer() {
  left_out_everywhere();
  dozer_ = std::make_unique<DecodeGate>(member_);
}

// What noise suppression has learnt of the noise is to stay true.
bool AudioSource::may_doze() const {
  return dozer_ && format_->row->dear_to_decode && !contributes_ && !activity_.contributes() &&
         !suppress_noise_.load(std::memory_order_relaxed);
}

bool AudioSource::leave_out(const QueuedFrame& front, core::TimePoint now) {
  if (!dozer_ || !format_->row->dear_to_decode) return false;
  const core::EncodedFrame& frame = front.frame;
  if (frame.audio_level) {
    said_ = PacketLoudness{PacketLoudness::Scale::told, -static_cast<double>(*frame.audio_level)};
  } else {
    said_ = format_->decoder->peek(frame.data);
  }
  const auto samples = static_cast<size_t>(front.samples) / ratio_;
  if (!may_doze() || samples > pcm_.size() - filled_) return false;
  if (!dozer_->leaves_out(frame.data, said_, activity_.gate())) return false;
  dozer_->keep(frame.data);
  note_silence(frame, {}, now);
  grow_quiet(samples);
  packet_samples_ = front.samples;
  noisy_ = false;
  shown_.quiet.fetch_add(static_cast<uint64_t>(std::exchange(quiet_, 0)), std::memory_order_relaxed);
  shown_.left_out.fetch_add(1, std::memory_order_relaxed);
  left_out_everywhere().add();
  return true;
}

void AudioSource::grow_quiet(size_t samples) {
  std::fill_n(pcm_.begin() + static_cast<ptrdiff_t>(filled_), samples, 0.0F);
  grow(samples);
  dozed_ = filled_;
}

// Brings the decoder to where it would be; what comes out is over already. Not for a mere look at how loud it is.
void AudioSource::wake_decoder() {
  if (!dozing()) return;
  if (dozer_->probing()) return dozer_->forget();
  dozer_->wake(
      [this](std::span<const uint8_t> packet) { format_->decoder->decode(packet, std::span(pcm_).subspan(filled_)); });
}

// Of a packet that was decoded although nobody hears the member.
void AudioSource::note_doze(std::span<const float> decoded) {
  if (!may_doze()) return;
  double level = level_dbov(decoded);
  if (side_) level = std::max(level, level_dbov(format_->decoder->side()));
  dozer_->on_decoded(said_, level, activity_.gate());
  if (level <= activity_.gate()) quiet_level_ = level;
}

}  // namespace partyline::mixer
