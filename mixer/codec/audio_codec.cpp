#include "mixer/codec/audio_codec.hpp"

#include <array>

namespace partyline::mixer {
namespace {

using core::Bitrate;
using core::Codec;

constexpr std::array<AudioCodecRow, 5> kRows{{
    {Codec::opus, 48000, 2, 10, 0, Bitrate::kbps(64), make_opus_decoder, make_opus_encoder, make_opus_stereo_decoder,
     true, 2},
    {Codec::g722, 16000, 1, 10, 0, Bitrate::kbps(64), make_g722_decoder, make_g722_encoder, nullptr, false, 8},
    {Codec::pcmu, 8000, 1, 10, 0, Bitrate::kbps(64), make_pcmu_decoder, make_pcmu_encoder, nullptr},
    {Codec::pcma, 8000, 1, 10, 0, Bitrate::kbps(64), make_pcma_decoder, make_pcma_encoder, nullptr, false, 8},
    {Codec::aac, 48000, 2, 0, 1024, Bitrate::kbps(128), nullptr, make_aac_encoder, nullptr},
}};

}  // namespace

const AudioCodecRow* find_audio_codec(core::Codec codec) {
  for (const AudioCodecRow& row : kRows) {
    if (row.codec == codec) return &row;
  }
  return nullptr;
}

bool AudioDecoder::has_redundancy(std::span<const uint8_t>) const {
  return false;
}

std::optional<PacketLoudness> AudioDecoder::peek(std::span<const uint8_t>) {
  return std::nullopt;
}

bool AudioDecoder::recover(std::span<const uint8_t>, std::span<float>) {
  return false;
}

size_t AudioEncoder::encode_pair(std::span<const float>, std::span<const float>, std::span<uint8_t>) {
  return 0;
}

bool AudioDecoder::conceal(std::span<float>) {
  return false;
}

}  // namespace partyline::mixer
