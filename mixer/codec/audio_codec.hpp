// Audio codecs: one table row each. Decoders take one packet's payload and give mono float samples at the codec's own
// rate (stereo: the mean, and half the difference beside it); encoders take exactly one packet's worth of them.
// Resampling from and to the mix's 48 kHz is not done here.
//
// Thread: one at a time per object (the audio tick's, in practice); encode and decode allocate nothing, except inside
// FFmpeg (AAC).
// Sources: RFC 6716 and RFC 7587 (Opus), ITU-T G.711 and G.722, ISO 14496-3 (AAC-LC, raw access units).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/frame.hpp"
#include "core/result.hpp"

namespace partyline::mixer {

/// The longest packet we take: 120 ms (RFC 7587 §4.2).
constexpr int kMaxPacketMs = 120;

/// How loud a packet says that it is. What scales differ by is for the listener to find out: levels of one scale may be
/// compared with each other.
struct PacketLoudness {
  enum class Scale : uint8_t { none, told, transform, speech };  ///< told: by its sender (RFC 6464)
  Scale scale = Scale::none;
  double dbov = -127;  ///< -127: silence, in every scale
  bool nothing() const { return dbov <= -120; }
};

class AudioDecoder {
 public:
  virtual ~AudioDecoder() = default;
  /// Samples (at the codec's rate) in `payload`; 0 when it is not a valid packet.
  virtual int samples_in(std::span<const uint8_t> payload) const = 0;
  /// What can be told of a packet without decoding it, where that is a small part of the work; for each packet in
  /// order.
  virtual std::optional<PacketLoudness> peek(std::span<const uint8_t> payload);
  /// Decodes into `out` (room for kMaxPacketMs) and returns the number of samples; 0: corrupt.
  virtual int decode(std::span<const uint8_t> payload, std::span<float> out) = 0;
  /// Whether `payload` holds a second copy of (the end of) what the packet before it held.
  virtual bool has_redundancy(std::span<const uint8_t> payload) const;
  /// Fills `out` with the packet before `next`, from the redundancy in `next`. False: there is none.
  virtual bool recover(std::span<const uint8_t> next, std::span<float> out);
  /// Fills `out` (a whole number of 10 ms, 60 at most) in place of a lost packet. False: the codec cannot, repeat the
  /// waveform.
  virtual bool conceal(std::span<float> out);
  /// Half the difference of the channels of what was decoded, recovered or concealed last, whose mean was handed out;
  /// empty when they are equal, as they always are unless the decoder is one of two channels.
  virtual std::span<const float> side() const { return {}; }
  /// Something else than conceal() fills in for lost packets: what comes next does not follow what was decoded last.
  virtual void on_loss() {}
};

struct AudioEncoderConfig {
  int channels = 1;
  core::Bitrate bitrate;
  int packet_samples = 0;  ///< per channel, at the codec's rate
  int complexity = 5;      ///< Opus: 0…10
  int expected_loss = 0;   ///< per cent; Opus: above 0 with in-band FEC
};

class AudioEncoder {
 public:
  virtual ~AudioEncoder() = default;
  /// Encodes one packet of mono samples into `out` (kMaxEncodedAudio bytes) and returns its size; 0: nothing came out.
  virtual size_t encode(std::span<const float> pcm, std::span<uint8_t> out) = 0;
  /// The same of two channels, for an encoder of two. 0: it cannot.
  virtual size_t encode_pair(std::span<const float> left, std::span<const float> right, std::span<uint8_t> out);
  /// The first sample of what encode() returned last, relative to the first sample of what it was given.
  virtual int64_t content_offset() const { return 0; }
  /// Continues where `other` (made from the same row and configuration) is now, so that a receiver that has decoded
  /// `other` until now can be served by this one without a click.
  virtual void continue_from(const AudioEncoder& other) = 0;
  /// The next packet leans as little as possible on the ones before it: somebody comes over from another encoder.
  virtual void break_prediction() {}
};

constexpr size_t kMaxEncodedAudio = 2000;

struct AudioCodecRow {
  core::Codec codec;
  int sample_rate;           ///< Hz, what the coder works at (G.722: 16000 although its RTP clock says 8000)
  int max_channels;          ///< of an output
  int packet_step_ms;        ///< packet times are multiples of it; 0: packets have fixed_packet_samples
  int fixed_packet_samples;  ///< AAC: 1024
  core::Bitrate default_bitrate;
  std::unique_ptr<AudioDecoder> (*make_decoder)();  ///< null: this codec is only sent
  core::Result<std::unique_ptr<AudioEncoder>> (*make_encoder)(const AudioEncoderConfig&);
  std::unique_ptr<AudioDecoder> (*make_stereo_decoder)();  ///< null: make_decoder says it all
  bool dear_to_decode = false;                             ///< many times dearer than looking at the packet
  /// What it makes of digital silence is no louder (steps of 16 bit): A-law has no zero, the others round or dither.
  int silence_peak = 0;
};

/// The row of an audio codec, null for the others.
const AudioCodecRow* find_audio_codec(core::Codec codec);

// Each in its own file.
std::unique_ptr<AudioDecoder> make_opus_decoder();
std::unique_ptr<AudioDecoder> make_opus_stereo_decoder();
core::Result<std::unique_ptr<AudioEncoder>> make_opus_encoder(const AudioEncoderConfig& config);
std::unique_ptr<AudioDecoder> make_pcmu_decoder();
core::Result<std::unique_ptr<AudioEncoder>> make_pcmu_encoder(const AudioEncoderConfig& config);
std::unique_ptr<AudioDecoder> make_pcma_decoder();
core::Result<std::unique_ptr<AudioEncoder>> make_pcma_encoder(const AudioEncoderConfig& config);
std::unique_ptr<AudioDecoder> make_g722_decoder();
core::Result<std::unique_ptr<AudioEncoder>> make_g722_encoder(const AudioEncoderConfig& config);
core::Result<std::unique_ptr<AudioEncoder>> make_aac_encoder(const AudioEncoderConfig& config);

}  // namespace partyline::mixer
