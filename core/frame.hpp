// The frame contract: the only words that rtp/ and mixer/ have in common.
//
//   rtp receiver ──EncodedFrame──▶ mixer input        mixer output ──EncodedFrame──▶ rtp sender / live output
//                ◀─MediaFeedback──                                 ◀─MediaFeedback──
//
// Frames flow rightwards only; keyframe wishes and bitrate targets travel the same chain leftwards.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/buffer.hpp"
#include "core/time.hpp"

namespace partyline::core {

enum class MediaKind : uint8_t { audio, video };

enum class Codec : uint8_t { opus, g722, pcmu, pcma, aac, h264, vp8, jpeg };

constexpr MediaKind kind_of(Codec codec) {
  return codec < Codec::h264 ? MediaKind::audio : MediaKind::video;
}

/// RTP clock rate in Hz (RFC 3551; G.722's is 8000 by decree although it samples at 16000, §4.5.2).
constexpr uint32_t clock_rate_of(Codec codec) {
  switch (codec) {
    case Codec::opus:
    case Codec::aac:
      return 48000;
    case Codec::g722:
    case Codec::pcmu:
    case Codec::pcma:
      return 8000;
    case Codec::h264:
    case Codec::vp8:
    case Codec::jpeg:
      return 90000;
  }
  return 90000;
}

/// The encoding name as in SDP's rtpmap: "opus", "PCMU", "H264" …
constexpr std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::opus:
      return "opus";
    case Codec::g722:
      return "G722";
    case Codec::pcmu:
      return "PCMU";
    case Codec::pcma:
      return "PCMA";
    case Codec::aac:
      return "AAC";
    case Codec::h264:
      return "H264";
    case Codec::vp8:
      return "VP8";
    case Codec::jpeg:
      return "JPEG";
  }
  return "";
}

struct VideoSize {
  int width = 0;   // pixels
  int height = 0;  // pixels
  auto operator<=>(const VideoSize&) const = default;
};

/// One encoded unit: an audio packet's payload, or a whole video picture (H.264: Annex B access unit with start codes;
/// VP8: the frame without its RTP descriptor).
struct EncodedFrame {
  Codec codec = Codec::opus;
  Buffer buffer;                  ///< owns the bytes
  std::span<const uint8_t> data;  ///< the payload, a view into `buffer`
  /// When the first sample was captured (received frames: mapped to our media clock from RTCP sender reports or,
  /// without them, arrival time; encoded frames: the tick's media time).
  TimePoint capture;
  /// Received frames: when the last packet of the frame arrived.
  TimePoint arrival;
  /// Unwrapped RTP timestamp in units of clock_rate_of(codec). Encoded frames count from a start of their own (one
  /// for all video of a room); the RTP sender adds its random offset.
  int64_t rtp_time = 0;
  /// Received audio: unwrapped RTP sequence number (a gap is loss, a jump in rtp_time without a gap is DTX).
  int64_t sequence = 0;
  bool keyframe = false;    ///< video: decodable without what came before (H.264: IDR with SPS and PPS)
  bool after_loss = false;  ///< video: needs what is lost, up to a keyframe; to be sent: something is missing before it
  bool marker = false;      ///< audio: first packet of a talk spurt (RFC 3551 §4.1)
  bool recovered = false;   ///< audio: lost, and taken from another packet's redundancy (RFC 2198)
  /// Audio: no sound but a description of the noise to fill the time with until the next frame (RFC 3389).
  bool comfort_noise = false;
  std::optional<uint8_t> audio_level;  ///< -dBov, 0 (loud) … 127 (silence), RFC 6464, when the sender told
};

/// Takes frames. push() never blocks and never throws; a sink that cannot keep up drops and counts.
/// Thread: any, one pusher at a time unless the implementation says more.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void push(const EncodedFrame& frame) = 0;
};

/// What a consumer of video tells its producer. Thread: any; must not block.
class MediaFeedback {
 public:
  virtual ~MediaFeedback() = default;
  /// "I cannot decode until the next keyframe." Producers merge and rate-limit requests; a request is never lost.
  virtual void request_keyframe() = 0;
  /// What the path to this consumer can carry.
  virtual void set_target_bitrate(Bitrate target) = 0;
};

}  // namespace partyline::core
