// EncoderStream: one running encode: ticks at the codec's rate in, packets of one codec and packet time out.
// Thread: the audio tick; made elsewhere, because making allocates.
#pragma once

#include <memory>
#include <vector>

#include "core/result.hpp"
#include "mixer/audio/pcm.hpp"
#include "mixer/audio/stereo_mix.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {

/// The media time of a tick and its number since the room's start, from which RTP timestamps follow.
struct TickTime {
  core::TimePoint now;
  int64_t index = 0;
};

/// `format` with its defaults filled in, or why it cannot be sent.
core::Result<AudioFormat> checked_format(AudioFormat format, core::Bitrate opus_bitrate);

class EncoderStream {
 public:
  /// `format` comes from checked_format(); `apart`: its two channels will be fed apart.
  static core::Result<std::unique_ptr<EncoderStream>> create(const AudioFormat& format, bool apart = false);

  /// Encodes what is complete and calls `emit(const core::EncodedFrame&)` for each packet.
  template <class Emit>
  void feed(MixSpan samples, TickTime time, Emit&& emit) {
    const size_t before = append(samples);
    for (size_t packet = 0; waiting_ >= packet_samples_; ++packet) {
      if (encode_packet(time, packet, before)) emit(frame_);
    }
    frame_.buffer = {};
  }
  /// Becomes a copy of `other` (same format).
  void continue_from(const EncoderStream& other);
  void break_prediction() { encoder_->break_prediction(); }
  /// After a pause: what was left over for the next packet is of before it.
  void begin_anew() {
    waiting_ = 0;
    encoder_->break_prediction();
  }

 private:
  EncoderStream(const AudioFormat& format, const AudioCodecRow& row, std::unique_ptr<AudioEncoder> encoder);
  size_t append(MixSpan samples);
  bool encode_packet(TickTime time, size_t packet, size_t before);

  const AudioCodecRow& row_;
  size_t packet_samples_;
  int64_t ratio_;  // 48 kHz samples in one of the codec's
  std::unique_ptr<AudioEncoder> encoder_;
  std::vector<float> samples_;  // fixed size; [0, waiting_) is not yet encoded
  std::vector<float> right_;    // of two channels; empty when one comes only
  size_t waiting_ = 0;
  core::EncodedFrame frame_;
};

}  // namespace partyline::mixer
