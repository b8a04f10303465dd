// G.722 at 64 kbit/s (mode 1) by spandsp. Its coder states are plain structs, so a talker's own encoder takes over from
// the shared one by copying.
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include "mixer/audio/pcm.hpp"
#include "mixer/codec/audio_codec.hpp"
// spandsp's headers want the standard ones before them, and this order.
// clang-format off
#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include <spandsp/private/g722.h>
// clang-format on

namespace partyline::mixer {
namespace {

constexpr int kRate = 64000;                       // bit/s
constexpr size_t kMaxSamples = 16 * kMaxPacketMs;  // at 16 kHz, two a byte

class G722Decoder final : public AudioDecoder {
 public:
  G722Decoder() { g722_decode_init(&state_, kRate, 0); }

  int samples_in(std::span<const uint8_t> payload) const override {
    return payload.size() * 2 <= kMaxSamples ? static_cast<int>(payload.size() * 2) : 0;
  }

  int decode(std::span<const uint8_t> payload, std::span<float> out) override {
    const int expected = samples_in(payload);
    if (expected == 0 || static_cast<size_t>(expected) > out.size()) return 0;
    const int samples = g722_decode(&state_, linear_.data(), payload.data(), static_cast<int>(payload.size()));
    for (size_t i = 0; i < static_cast<size_t>(samples); ++i) out[i] = to_float(linear_[i]);
    return samples;
  }

  // Predictors that have learnt another stretch of the voice squeal at full level for some milliseconds (measured:
  // steps ten times the voice's own). At half their strength they do not, and are right again sooner than from nothing.
  void on_loss() override {
    for (g722_band_t& band : state_.band) {
      for (int16_t& pole : band.a) pole /= 2;
      for (int16_t& zero : band.b) zero /= 2;
    }
  }

 private:
  g722_decode_state_t state_{};
  std::array<int16_t, kMaxSamples> linear_{};
};

class G722Encoder final : public AudioEncoder {
 public:
  G722Encoder() { g722_encode_init(&state_, kRate, 0); }

  size_t encode(std::span<const float> pcm, std::span<uint8_t> out) override {
    if (pcm.size() > kMaxSamples || pcm.size() / 2 > out.size()) return 0;
    for (size_t i = 0; i < pcm.size(); ++i) linear_[i] = to_int16(pcm[i]);
    return static_cast<size_t>(g722_encode(&state_, out.data(), linear_.data(), static_cast<int>(pcm.size())));
  }

  void continue_from(const AudioEncoder& other) override { state_ = static_cast<const G722Encoder&>(other).state_; }

 private:
  g722_encode_state_t state_{};
  std::array<int16_t, kMaxSamples> linear_{};
};

}  // namespace

std::unique_ptr<AudioDecoder> make_g722_decoder() {
  return std::make_unique<G722Decoder>();
}

core::Result<std::unique_ptr<AudioEncoder>> make_g722_encoder(const AudioEncoderConfig&) {
  return std::unique_ptr<AudioEncoder>(std::make_unique<G722Encoder>());
}

}  // namespace partyline::mixer
