// G.711 µ-law and A-law by table: 256 entries to decode, 65536 to encode (16 bit linear in, made once from the
// segment rule of the recommendation).
#include <array>
#include <bit>
#include <cstdint>
#include <memory>

#include "mixer/audio/pcm.hpp"
#include "mixer/codec/audio_codec.hpp"

namespace partyline::mixer {
namespace {

// µ-law (G.711 table 2): 14 bit magnitude with a bias of 33 (132 at 16 bit), 8 segments, all bits inverted.
int16_t ulaw_to_linear(uint8_t code) {
  const uint8_t bits = static_cast<uint8_t>(~code);
  const int segment = (bits >> 4) & 7;
  const int magnitude = ((((bits & 15) << 3) + 132) << segment) - 132;
  return static_cast<int16_t>(bits & 0x80 ? -magnitude : magnitude);
}

uint8_t linear_to_ulaw(int16_t sample) {
  // The law works on 14 bit: negative numbers round towards minus infinity there, in one's complement.
  const int value = sample >> 2;
  const int magnitude = std::min((value < 0 ? ~value : value) + 33, 8191);
  const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 6;
  const int code = (segment << 4) | ((magnitude >> (segment + 1)) & 15);
  return static_cast<uint8_t>(~(code | (value < 0 ? 0x80 : 0)));
}

// A-law (G.711 table 1): 13 bit magnitude, 8 segments of which the first two are linear, even bits inverted.
int16_t alaw_to_linear(uint8_t code) {
  const uint8_t bits = code ^ 0x55;
  const int segment = (bits >> 4) & 7;
  int magnitude = ((bits & 15) << 4) + 8;
  if (segment > 0) magnitude = (magnitude + 256) << (segment - 1);
  return static_cast<int16_t>(bits & 0x80 ? magnitude : -magnitude);
}

uint8_t linear_to_alaw(int16_t sample) {
  const int value = sample >> 4;  // 12 bit and sign
  const int magnitude = value < 0 ? ~value : value;
  int code = magnitude >> 0;
  if (magnitude > 15) {
    const int segment = std::bit_width(static_cast<unsigned>(magnitude)) - 4;
    code = (segment << 4) | ((magnitude >> (segment - 1)) & 15);
  }
  return static_cast<uint8_t>((code | (value < 0 ? 0 : 0x80)) ^ 0x55);
}

struct Law {
  std::array<float, 256> to_linear;
  std::array<uint8_t, 65536> from_linear;

  Law(int16_t (*expand)(uint8_t), uint8_t (*compress)(int16_t)) {
    for (size_t i = 0; i < to_linear.size(); ++i) to_linear[i] = to_float(expand(static_cast<uint8_t>(i)));
    for (size_t i = 0; i < from_linear.size(); ++i) {
      from_linear[i] = compress(static_cast<int16_t>(static_cast<uint16_t>(i)));
    }
  }
};

const Law& ulaw() {
  static const Law law(ulaw_to_linear, linear_to_ulaw);
  return law;
}

const Law& alaw() {
  static const Law law(alaw_to_linear, linear_to_alaw);
  return law;
}

class G711Decoder final : public AudioDecoder {
 public:
  explicit G711Decoder(const Law& law) : law_(law) {}

  int samples_in(std::span<const uint8_t> payload) const override {
    return payload.size() <= static_cast<size_t>(8 * kMaxPacketMs) ? static_cast<int>(payload.size()) : 0;
  }

  int decode(std::span<const uint8_t> payload, std::span<float> out) override {
    const int samples = samples_in(payload);
    if (static_cast<size_t>(samples) > out.size()) return 0;
    for (size_t i = 0; i < static_cast<size_t>(samples); ++i) out[i] = law_.to_linear[payload[i]];
    return samples;
  }

 private:
  const Law& law_;
};

class G711Encoder final : public AudioEncoder {
 public:
  explicit G711Encoder(const Law& law) : law_(law) {}

  size_t encode(std::span<const float> pcm, std::span<uint8_t> out) override {
    if (pcm.size() > out.size()) return 0;
    for (size_t i = 0; i < pcm.size(); ++i) out[i] = law_.from_linear[static_cast<uint16_t>(to_int16(pcm[i]))];
    return pcm.size();
  }

  void continue_from(const AudioEncoder&) override {}  // no memory, nothing to continue

 private:
  const Law& law_;
};

}  // namespace

std::unique_ptr<AudioDecoder> make_pcmu_decoder() {
  return std::make_unique<G711Decoder>(ulaw());
}
std::unique_ptr<AudioDecoder> make_pcma_decoder() {
  return std::make_unique<G711Decoder>(alaw());
}
core::Result<std::unique_ptr<AudioEncoder>> make_pcmu_encoder(const AudioEncoderConfig&) {
  return std::unique_ptr<AudioEncoder>(std::make_unique<G711Encoder>(ulaw()));
}
core::Result<std::unique_ptr<AudioEncoder>> make_pcma_encoder(const AudioEncoderConfig&) {
  return std::unique_ptr<AudioEncoder>(std::make_unique<G711Encoder>(alaw()));
}

}  // namespace partyline::mixer
