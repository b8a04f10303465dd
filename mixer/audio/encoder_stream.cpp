#include "mixer/audio/encoder_stream.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace partyline::mixer {
namespace {
using core::ErrorCode;
using core::make_error;
constexpr int kShortestPacketMs = 10;
constexpr int kLongestPacketMs = 60;
constexpr int64_t kLeastBitrate = 6000;
constexpr int64_t kMostBitrate = 510000;
}  // namespace

core::Result<AudioFormat> checked_format(AudioFormat format, core::Bitrate opus_bitrate) {
  const AudioCodecRow* row = find_audio_codec(format.codec);
  if (!row) return make_error(ErrorCode::unsupported, "not an audio codec: " + std::string(name_of(format.codec)));
  if (format.channels < 1 || format.channels > row->max_channels) {
    return make_error(ErrorCode::unsupported,
                      std::string(name_of(format.codec)) + " with " + std::to_string(format.channels) + " channels");
  }
  if (row->packet_step_ms == 0) {
    format.packet_time_ms = 0;
  } else if (format.packet_time_ms < kShortestPacketMs || format.packet_time_ms > kLongestPacketMs ||
             format.packet_time_ms % row->packet_step_ms != 0) {
    return make_error(ErrorCode::unsupported, std::to_string(format.packet_time_ms) + " ms packets");
  }
  // libopus knows frames of 10, 20, 40 and 60 ms; 30 and 50 would need repacketising.
  if (format.codec == core::Codec::opus && (format.packet_time_ms == 30 || format.packet_time_ms == 50)) {
    return make_error(ErrorCode::unsupported, "Opus in packets of " + std::to_string(format.packet_time_ms) + " ms");
  }
  format.expected_loss = format.codec == core::Codec::opus ? std::clamp(format.expected_loss, 0, 50) : 0;
  const bool variable = format.codec == core::Codec::opus || format.codec == core::Codec::aac;
  if (!variable) {
    format.bitrate = row->default_bitrate;
  } else if (format.bitrate.bits_per_second <= 0) {
    const bool room_decides = format.codec == core::Codec::opus && opus_bitrate.bits_per_second > 0;
    format.bitrate = room_decides ? opus_bitrate : row->default_bitrate;
  }
  format.bitrate.bits_per_second = std::clamp(format.bitrate.bits_per_second, kLeastBitrate, kMostBitrate);
  return format;
}

core::Result<std::unique_ptr<EncoderStream>> EncoderStream::create(const AudioFormat& format, bool apart) {
  const AudioCodecRow* row = find_audio_codec(format.codec);
  if (!row) return make_error(ErrorCode::unsupported, "not an audio codec");
  AudioEncoderConfig config;
  config.channels = format.channels;
  config.bitrate = format.bitrate;
  config.expected_loss = format.expected_loss;
  config.packet_samples =
      row->packet_step_ms == 0 ? row->fixed_packet_samples : format.packet_time_ms * row->sample_rate / 1000;
  auto encoder = row->make_encoder(config);
  if (!encoder) return encoder.error();
  std::unique_ptr<EncoderStream> stream(new EncoderStream(format, *row, std::move(*encoder)));
  if (apart) stream->right_.resize(stream->samples_.size());
  return stream;
}

EncoderStream::EncoderStream(const AudioFormat& format, const AudioCodecRow& row, std::unique_ptr<AudioEncoder> encoder)
    : row_(row),
      packet_samples_(static_cast<size_t>(row.packet_step_ms == 0 ? row.fixed_packet_samples
                                                                  : format.packet_time_ms * row.sample_rate / 1000)),
      ratio_(kSampleRate / row.sample_rate),
      encoder_(std::move(encoder)),
      samples_(packet_samples_ + kTickSamples) {
  frame_.codec = row.codec;
}

size_t EncoderStream::append(MixSpan samples) {
  const size_t before = waiting_;
  const size_t count = std::min(samples.left.size(), samples_.size() - waiting_);
  std::copy_n(samples.left.begin(), count, samples_.begin() + static_cast<ptrdiff_t>(waiting_));
  if (!right_.empty()) std::copy_n(samples.right.begin(), count, right_.begin() + static_cast<ptrdiff_t>(waiting_));
  waiting_ += count;
  return before;
}

bool EncoderStream::encode_packet(TickTime time, size_t packet, size_t before) {
  const std::span<const float> left(samples_.data(), packet_samples_);
  const std::span<const float> right(right_.data(), right_.empty() ? 0 : packet_samples_);
  // Only peers that speak Opus ask for it (RFC 6464).
  if (row_.codec == core::Codec::opus) {
    const double level = right.empty() ? level_dbov(left) : std::max(level_dbov(left), level_dbov(right));
    frame_.audio_level = static_cast<uint8_t>(-std::lround(level));
  }
  core::Buffer buffer = core::Buffer::allocate(kMaxEncodedAudio);
  const std::span<uint8_t> out(buffer.data(), kMaxEncodedAudio);
  const size_t bytes = right.empty() ? encoder_->encode(left, out) : encoder_->encode_pair(left, right, out);
  waiting_ -= packet_samples_;
  std::memmove(samples_.data(), samples_.data() + packet_samples_, waiting_ * sizeof(float));
  if (!right.empty()) std::memmove(right_.data(), right_.data() + packet_samples_, waiting_ * sizeof(float));
  if (bytes == 0) return false;
  buffer.resize(bytes);
  // The packet's first sample, relative to this tick's first one.
  const int64_t offset =
      (static_cast<int64_t>(packet * packet_samples_) - static_cast<int64_t>(before) + encoder_->content_offset()) *
      ratio_;
  const int64_t position = time.index * static_cast<int64_t>(kTickSamples) + offset;
  frame_.buffer = std::move(buffer);
  frame_.data = frame_.buffer.span();
  frame_.capture = time.now + samples_to_duration(offset);
  frame_.arrival = time.now;
  frame_.rtp_time = position / (kSampleRate / static_cast<int64_t>(core::clock_rate_of(row_.codec)));
  ++frame_.sequence;
  return true;
}

void EncoderStream::continue_from(const EncoderStream& other) {
  encoder_->continue_from(*other.encoder_);
  waiting_ = other.waiting_;
  std::memcpy(samples_.data(), other.samples_.data(), waiting_ * sizeof(float));
  if (!right_.empty()) std::memcpy(right_.data(), other.right_.data(), waiting_ * sizeof(float));
  frame_.sequence = other.frame_.sequence;
}

}  // namespace partyline::mixer
