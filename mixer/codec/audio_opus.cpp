// Opus by libopus: decoding folds to mono inside the decoder, unless two channels are asked for; encoders' states are
// flat memory that may be copied (as libopus documents), which is how a talker's own encoder takes over from the shared
// one without a click.
#include <opus/opus.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "mixer/audio/pcm.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "mixer/codec/opus_peek.hpp"

namespace partyline::mixer {
namespace {

struct DecoderDeleter {
  void operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }
};
struct EncoderDeleter {
  void operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }
};

class OpusAudioDecoder final : public AudioDecoder {
 public:
  explicit OpusAudioDecoder(int channels) {
    int error = 0;
    decoder_.reset(opus_decoder_create(kSampleRate, channels, &error));
    if (channels == 1) return;
    side_.resize(kSampleRate / 1000 * kMaxPacketMs);
    both_.resize(2 * side_.size());
  }
  bool valid() const { return decoder_ != nullptr; }

  int samples_in(std::span<const uint8_t> payload) const override {
    if (payload.empty()) return 0;
    const int samples =
        opus_packet_get_nb_samples(payload.data(), static_cast<opus_int32>(payload.size()), kSampleRate);
    return samples > 0 ? samples : 0;
  }

  int decode(std::span<const uint8_t> payload, std::span<float> out) override {
    const int samples = samples_in(payload);
    if (samples <= 0 || static_cast<size_t>(samples) > out.size()) return 0;
    return std::max(run(payload, out, 0), 0);
  }

  std::optional<PacketLoudness> peek(std::span<const uint8_t> payload) override { return peek_.look(payload); }

  // Low bit-rate redundancy (RFC 6716 §4.2.4, §4.2.5): a flag behind the voice activity flags of the first frame's
  // 20 ms pieces, one set of them a channel.
  bool has_redundancy(std::span<const uint8_t> payload) const override {
    constexpr uint8_t first_without_speech_coder = 16;  // configuration (§3.1)
    if (samples_in(payload) == 0 || payload[0] >> 3 >= first_without_speech_coder) return false;
    std::array<const unsigned char*, 48> frames;
    std::array<opus_int16, 48> sizes;
    const auto size = static_cast<opus_int32>(payload.size());
    if (opus_packet_parse(payload.data(), size, nullptr, frames.data(), sizes.data(), nullptr) <= 0) return false;
    if (sizes[0] == 0) return false;
    const int pieces = std::max(1, opus_packet_get_samples_per_frame(payload.data(), kSampleRate) / 960);
    const bool stereo = opus_packet_get_nb_channels(payload.data()) == 2;
    return (frames[0][0] >> (7 - pieces) & 1) || (stereo && (frames[0][0] >> (6 - 2 * pieces) & 1));
  }

  bool recover(std::span<const uint8_t> next, std::span<float> out) override {
    return has_redundancy(next) && run(next, out, 1) == static_cast<int>(out.size());
  }

  bool conceal(std::span<float> out) override { return run({}, out, 0) == static_cast<int>(out.size()); }

  std::span<const float> side() const override { return {side_.data(), differ_}; }

 private:
  int run(std::span<const uint8_t> payload, std::span<float> out, int redundancy) {
    const uint8_t* const data = payload.empty() ? nullptr : payload.data();
    const auto size = static_cast<opus_int32>(payload.size());
    const auto room = static_cast<int>(out.size());
    if (side_.empty()) return opus_decode_float(decoder_.get(), data, size, out.data(), room, redundancy);
    const int most = std::min(room, static_cast<int>(side_.size()));
    const int decoded = opus_decode_float(decoder_.get(), data, size, both_.data(), most, redundancy);
    float largest = 0;
    const auto count = static_cast<size_t>(std::max(decoded, 0));
    for (size_t i = 0; i < count; ++i) {
      const float left = both_[2 * i], right = both_[2 * i + 1];
      out[i] = (left + right) / 2;
      side_[i] = (left - right) / 2;
      largest = std::max(largest, std::fabs(side_[i]));
    }
    differ_ = largest > 0 ? count : 0;
    return decoded;
  }

  std::unique_ptr<OpusDecoder, DecoderDeleter> decoder_;
  OpusPeek peek_;
  std::vector<float> both_, side_;  // of a decoder of two channels: fixed size
  size_t differ_ = 0;               // samples of side_
};

class OpusAudioEncoder final : public AudioEncoder {
 public:
  OpusAudioEncoder(OpusEncoder* encoder, const AudioEncoderConfig& config)
      : encoder_(encoder), channels_(config.channels), packet_samples_(static_cast<size_t>(config.packet_samples)) {
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(static_cast<opus_int32>(config.bitrate.bits_per_second)));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(config.complexity));
    opus_encoder_ctl(encoder, OPUS_SET_VBR(1));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(config.expected_loss > 0 ? 1 : 0));
    opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(config.expected_loss));
    // Channels that are equal libopus codes as one where the rate is too small for both.
    if (channels_ == 2) stereo_.resize(packet_samples_ * 2);
  }

  size_t encode(std::span<const float> pcm, std::span<uint8_t> out) override {
    if (channels_ == 2) return encode_pair(pcm, pcm, out);
    return pcm.size() == packet_samples_ ? run(pcm.data(), out) : 0;
  }

  size_t encode_pair(std::span<const float> left, std::span<const float> right, std::span<uint8_t> out) override {
    if (channels_ != 2 || left.size() != packet_samples_ || right.size() != packet_samples_) return 0;
    for (size_t i = 0; i < packet_samples_; ++i) {
      stereo_[2 * i] = left[i];
      stereo_[2 * i + 1] = right[i];
    }
    return run(stereo_.data(), out);
  }

  void continue_from(const AudioEncoder& other) override {
    const auto& source = static_cast<const OpusAudioEncoder&>(other);
    if (source.channels_ != channels_) return;
    std::memcpy(static_cast<void*>(encoder_.get()), static_cast<const void*>(source.encoder_.get()),
                static_cast<size_t>(opus_encoder_get_size(channels_)));
    independent_ = source.independent_;
  }

  void break_prediction() override {
    independent_ = true;
    opus_encoder_ctl(encoder_.get(), OPUS_SET_PREDICTION_DISABLED(1));
  }

 private:
  size_t run(const float* input, std::span<uint8_t> out) {
    const int bytes = opus_encode_float(encoder_.get(), input, static_cast<int>(packet_samples_), out.data(),
                                        static_cast<opus_int32>(std::min(out.size(), kMaxEncodedAudio)));
    if (independent_) {
      independent_ = false;
      opus_encoder_ctl(encoder_.get(), OPUS_SET_PREDICTION_DISABLED(0));
    }
    return bytes > 0 ? static_cast<size_t>(bytes) : 0;
  }

  std::unique_ptr<OpusEncoder, EncoderDeleter> encoder_;
  int channels_;
  size_t packet_samples_;
  bool independent_ = false;
  std::vector<float> stereo_;
};

}  // namespace

std::unique_ptr<AudioDecoder> make_opus_decoder() {
  auto decoder = std::make_unique<OpusAudioDecoder>(1);
  return decoder->valid() ? std::move(decoder) : nullptr;
}

std::unique_ptr<AudioDecoder> make_opus_stereo_decoder() {
  auto decoder = std::make_unique<OpusAudioDecoder>(2);
  return decoder->valid() ? std::move(decoder) : nullptr;
}

core::Result<std::unique_ptr<AudioEncoder>> make_opus_encoder(const AudioEncoderConfig& config) {
  int error = OPUS_OK;
  // At our usual rates libopus would choose its transform coder anyway: asking for nothing else saves 4 of 6.5 ms of
  // look-ahead. In-band redundancy exists in the speech modes only.
  const bool rich = config.bitrate >= core::Bitrate::kbps(40) && config.expected_loss == 0;
  const int application = config.expected_loss > 0 ? OPUS_APPLICATION_VOIP
                          : rich                   ? OPUS_APPLICATION_RESTRICTED_LOWDELAY
                                                   : OPUS_APPLICATION_AUDIO;
  OpusEncoder* encoder = opus_encoder_create(kSampleRate, config.channels, application, &error);
  if (!encoder) {
    return core::make_error(core::ErrorCode::internal, std::string("Opus encoder: ") + opus_strerror(error));
  }
  return std::unique_ptr<AudioEncoder>(std::make_unique<OpusAudioEncoder>(encoder, config));
}

}  // namespace partyline::mixer
