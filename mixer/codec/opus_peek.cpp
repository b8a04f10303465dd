#include "mixer/codec/opus_peek.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mixer/codec/range_decoder.hpp"

namespace partyline::mixer {
namespace {

constexpr double kSilence = -127;
constexpr double kFullScale = 93.7;  // dB, of an energy of 1, measured: to half a decibel at all rates and lengths
constexpr size_t kBandsAll = 21;

// §4.3.2.1: the usual energies (log2), the prediction from frame to frame and from band to band by frame length, and
// the distributions of what is left: probability of zero and decay, in 2^-8, a pair a band.
constexpr std::array<float, kBandsAll> kUsual{6.4375F, 6.25F,  5.75F,   5.3125F, 5.0625F, 4.8125F, 4.5F,
                                              4.375F,  4.875F, 4.6875F, 4.5625F, 4.4375F, 4.875F,  4.625F,
                                              4.3125F, 4.5F,   4.375F,  4.625F,  4.75F,   4.4375F, 3.75F};
constexpr std::array<float, 4> kFromFrame{29440 / 32768.0F, 26112 / 32768.0F, 21248 / 32768.0F, 16384 / 32768.0F};
constexpr std::array<float, 4> kFromBand{30147 / 32768.0F, 22282 / 32768.0F, 12124 / 32768.0F, 6554 / 32768.0F};
constexpr float kFromBandAlone = 4915 / 32768.0F;
using Model = std::array<uint8_t, 2 * kBandsAll>;
constexpr std::array<std::array<Model, 2>, 4> kModels{{
    {{{72, 127, 65, 129, 66, 128, 65, 128, 64, 128, 62, 128, 64, 128, 64, 128, 92, 78,  92, 79,  92,
       78, 90,  79, 116, 41, 115, 40, 114, 40, 132, 26, 132, 26, 145, 17, 161, 12, 176, 10, 177, 11},
      {24, 179, 48, 138, 54, 135, 54, 132, 53, 134, 56, 133, 55, 132, 55, 132, 61, 114, 70, 96, 74,
       88, 75,  88, 87,  74, 89,  66, 91,  67, 100, 59, 108, 50, 120, 40, 122, 37, 97,  43, 78, 50}}},
    {{{83, 78,  84, 81,  88, 75,  86, 74,  87, 71,  90, 73,  93, 74,  93, 74,  109, 40,  114, 36,  117,
       34, 117, 34, 143, 17, 145, 18, 146, 19, 162, 12, 165, 10, 178, 7,  189, 6,   190, 8,   177, 9},
      {23, 178, 54, 115, 63, 102, 66, 98,  69, 99,  74, 89,  71, 91,  73, 91,  78, 89, 86, 80, 92,
       66, 93,  64, 102, 59, 103, 60, 104, 60, 117, 52, 123, 44, 138, 35, 133, 31, 97, 38, 77, 45}}},
    {{{61, 90,  93, 60,  105, 42,  107, 41,  110, 45,  116, 38,  113, 38,  112, 38,  124, 26,  132, 27,  136,
       19, 140, 20, 155, 14,  159, 16,  158, 18,  170, 13,  177, 10,  187, 8,   192, 6,   175, 9,   159, 10},
      {21, 178, 59, 110, 71, 86,  75, 85,  84, 83,  91, 66,  88, 73,  87, 72,  92, 75, 98, 72, 105,
       58, 107, 54, 115, 52, 114, 55, 112, 56, 129, 51, 132, 40, 150, 33, 140, 29, 98, 35, 77, 42}}},
    {{{42, 121, 96, 66,  108, 43,  111, 40,  117, 44,  123, 32,  120, 36,  119, 33,  127, 33,  134, 34,  139,
       21, 147, 23, 152, 20,  158, 25,  154, 26,  166, 21,  173, 16,  184, 13,  184, 10,  150, 13,  139, 15},
      {22, 178, 63, 114, 74, 82,  84, 83,  92, 82,  103, 62,  96, 72,  96, 67,  101, 73, 107, 72, 113,
       55, 118, 52, 125, 52, 118, 52, 117, 55, 135, 49,  137, 39, 157, 32, 145, 29,  97, 33,  77, 40}}},
}};
constexpr std::array<uint8_t, 3> kSmallEnergy{2, 1, 0};
constexpr std::array<int, kBandsAll + 1> kEdges{0,  1,  2,  3,  4,  5,  6,  7,  8,  10, 12,
                                                14, 16, 20, 24, 28, 34, 40, 48, 60, 78, 100};  // × 200 Hz

// The encoder lifts what is high (x[n] - 0.85 x[n-1]); what a band's energy is worth in the end.
const std::array<float, kBandsAll>& worth() {
  static const auto table = [] {
    std::array<float, kBandsAll> worth{};
    for (size_t i = 0; i < worth.size(); ++i) {
      const double hz = 100.0 * (kEdges[i] + kEdges[i + 1]);
      const double lifted = 1 + 0.85 * 0.85 - 2 * 0.85 * std::cos(2 * std::numbers::pi * hz / 48000);
      worth[i] = static_cast<float>(std::exp2(2 * kUsual[i]) / lifted);
    }
    return worth;
  }();
  return table;
}

// §4.2.7.3, §4.2.7.4.
constexpr std::array<uint8_t, 2> kTypeQuiet{230, 0};
constexpr std::array<uint8_t, 8> kGainHigh{224, 112, 44, 15, 3, 2, 1, 0};
constexpr std::array<uint8_t, 41> kGainStep{250, 245, 234, 203, 71, 50, 42, 38, 35, 33, 31, 29, 28, 27,
                                            26,  25,  24,  23,  22, 21, 20, 19, 18, 17, 16, 15, 14, 13,
                                            12,  11,  10,  9,   8,  7,  6,  5,  4,  3,  2,  1,  0};

/// The loudest gain of the first 20 ms (dBov); nothing: it is a voice, or there is more in front of it than is read
/// here.
std::optional<double> speech_level(std::span<const uint8_t> frame, int pieces, int parts) {
  RangeDecoder decoder(frame);
  for (int i = 0; i < pieces; ++i)
    if (decoder.bit(1)) return std::nullopt;  // voice
  if (decoder.bit(1)) return std::nullopt;    // a second copy
  decoder.symbol(kTypeQuiet, 8);
  int gain = decoder.symbol(kGainHigh, 8) * 8;
  gain += static_cast<int>(decoder.uniform(8));
  int loudest = gain;
  for (int i = 1; i < parts; ++i) {
    const int step = decoder.symbol(kGainStep, 8) - 4, large = 8 + gain;
    gain = std::clamp(gain + (step > large ? 2 * step - large : step), 0, 63);
    loudest = std::max(loudest, gain);
  }
  return 2 + loudest * (86.0 / 63) - 90;
}

}  // namespace

double OpusPeek::level_of(size_t bands, size_t channels) const {
  const auto& weights = worth();
  float power = 0;
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < bands; ++i) power += weights[i] * std::exp2(2 * energies_[c][i]);
  return std::max(kSilence, 10 * std::log10(static_cast<double>(power) / static_cast<double>(channels)) - kFullScale);
}

double OpusPeek::transform_level(const Shape& shape, std::span<const uint8_t> frame) {
  static constexpr std::array<size_t, 4> ends{13, 17, 19, 21};
  const size_t bands = ends[static_cast<size_t>(shape.configuration - 16) / 4], channels = shape.stereo ? 2 : 1;
  const auto length = static_cast<size_t>(shape.configuration & 3);
  if (!shape.stereo)
    for (size_t i = 0; i < kBandsOfEnergy; ++i) energies_[0][i] = std::max(energies_[0][i], energies_[1][i]);
  RangeDecoder decoder(frame);
  if (decoder.left() <= 0 || (decoder.tell() == 1 && decoder.bit(15))) {
    for (auto& channel : energies_) channel.fill(-28);
    return kSilence;
  }
  if (decoder.left() >= 16 && decoder.bit(1)) {  // the pitch filter's parameters
    const auto octave = static_cast<int>(decoder.uniform(6));
    decoder.skip_raw(4 + octave + 3);
    if (decoder.left() >= 2) decoder.symbol(kSmallEnergy, 2);
  }
  if (length > 0 && decoder.left() >= 3) decoder.bit(3);  // transient
  const bool alone = decoder.left() >= 3 && decoder.bit(3);
  const Model& model = kModels[length][alone ? 1 : 0];
  const float from_frame = alone ? 0 : kFromFrame[length], from_band = alone ? kFromBandAlone : kFromBand[length];
  std::array<float, 2> before{};
  for (size_t i = 0; i < bands; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      const int left = decoder.left();
      int change = -1;
      if (left >= 15) {
        change =
            decoder.laplace(static_cast<uint32_t>(model[2 * i]) << 7, static_cast<uint32_t>(model[2 * i + 1]) << 6);
      } else if (left >= 2) {
        const int symbol = decoder.symbol(kSmallEnergy, 2);
        change = (symbol >> 1) ^ -(symbol & 1);
      } else if (left >= 1) {
        change = decoder.bit(1) ? -1 : 0;
      }
      float& energy = energies_[c][i];
      energy = std::clamp(from_frame * std::max(-9.0F, energy) + before[c] + static_cast<float>(change), -28.0F, 28.0F);
      before[c] += static_cast<float>(change) * (1 - from_band);
    }
  }
  for (size_t c = 0; c < channels; ++c)
    std::fill(energies_[c].begin() + static_cast<ptrdiff_t>(bands), energies_[c].end(), 0.0F);
  if (!shape.stereo) energies_[1] = energies_[0];
  return level_of(bands, channels);
}

std::optional<PacketLoudness> OpusPeek::look(std::span<const uint8_t> payload) {
  std::array<const unsigned char*, 48> frames;
  std::array<opus_int16, 48> sizes;
  if (payload.empty()) return std::nullopt;
  const int count = opus_packet_parse(payload.data(), static_cast<opus_int32>(payload.size()), nullptr, frames.data(),
                                      sizes.data(), nullptr);
  if (count <= 0) return std::nullopt;
  Shape shape;
  shape.configuration = payload[0] >> 3;
  shape.stereo = (payload[0] & 4) != 0;
  const bool speech = shape.configuration < 16;
  const int samples = opus_packet_get_samples_per_frame(payload.data(), 48000);
  shape.pieces = std::max(1, samples / 960);
  PacketLoudness loudness{speech ? PacketLoudness::Scale::speech : PacketLoudness::Scale::transform, kSilence};
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const std::span<const uint8_t> frame(frames[i], static_cast<size_t>(sizes[i]));
    if (frame.size() < 2) continue;  // discontinuous transmission: nothing is here
    if (speech && shape.stereo) return std::nullopt;
    const auto level = speech ? speech_level(frame, shape.pieces, samples >= 960 ? 4 : 2)
                              : std::optional(transform_level(shape, frame));
    if (!level) return std::nullopt;
    loudness.dbov = std::max(loudness.dbov, *level);
  }
  return loudness;
}

}  // namespace partyline::mixer
