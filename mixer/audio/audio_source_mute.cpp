// What AudioSource's packets tell OwnMute. On the audio tick; costs a look at a packet's first samples while somebody
// talks, and at all of them while nothing is in them.
#include <algorithm>
#include <cmath>

#include "mixer/audio/audio_source.hpp"

namespace partyline::mixer {
namespace {

constexpr double kSurely = -55;  // dBov: louder than what a decoder makes of silence after a loss

// Opus: no more than the byte that says what it would be (RFC 6716 §3.1, RFC 7587 §3.1.3).
bool is_dtx(const core::EncodedFrame& frame) {
  return frame.codec == core::Codec::opus && frame.data.size() <= DecodeGate::kPlaceholder;
}

}  // namespace

void AudioSource::note_packet(const core::EncodedFrame& frame, core::TimePoint now) {
  own_mute_.on_packet(now, frame.comfort_noise || is_dtx(frame));
  if (frame.comfort_noise) own_mute_.on_sound();
}

// `decoded` is empty when it was left out.
void AudioSource::note_silence(const core::EncodedFrame& frame, std::span<const float> decoded, core::TimePoint now) {
  if (is_dtx(frame) && !frame.audio_level) return;  // tells nothing, neither of a room nor of a switch
  const bool dear = format_->row->dear_to_decode;
  const bool told = dear && said_ && dozer_->trusts();
  if (told && (said_->nothing() || said_->scale == PacketLoudness::Scale::told)) {
    // Decoded it may still end what was before it; a sender who is wrong about himself is heard.
    const bool heard = !decoded.empty() && level_dbov(decoded) > activity_.gate();
    return said_->nothing() && !heard ? own_mute_.on_silence(now) : own_mute_.on_sound();
  }
  if (!decoded.empty()) {
    const bool settled = unsettled_ == 0;
    unsettled_ = std::max(0, unsettled_ - 1);
    if (is_digital_silence(decoded)) return own_mute_.on_silence(now);
    if (settled || level_dbov(decoded) > kSurely) own_mute_.on_sound();
    return;
  }
  // The speech coder's least gain is not nothing: one packet of 50 is decoded all the same.
  if (said_->scale != PacketLoudness::Scale::speech) own_mute_.on_sound();
}

bool AudioSource::is_digital_silence(std::span<const float> decoded) const {
  const float most = to_float(static_cast<int16_t>(format_->row->silence_peak));
  if (std::fabs(decoded.front()) > most || peak_of(decoded) > most) return false;
  return !side_ || format_->decoder->side().empty();
}

}  // namespace partyline::mixer
