// Muxer: one connection of a live output through libavformat, from dialling to goodbye. Blocking, under deadlines.
//
// H.264 goes in as Annex B with the parameter sets in front of each IDR; the muxers turn it into what their container
// wants (FLV, MP4 and Matroska: length prefixes and avcC, made from the parameter sets given as extradata). AAC goes in
// as raw access units; its AudioSpecificConfig is fixed: LC, 48 kHz, stereo. Nothing is encoded here.
//
// Thread: the output's own; interrupt() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "gateway/outputs/output_url.hpp"

struct AVFormatContext;
struct AVStream;

namespace partyline::gateway {

struct MuxerConfig {
  bool audio = true, video = true;
  core::VideoSize video_size{1280, 720};
  int frames_per_second = 30;
  core::Bitrate video_bitrate = core::Bitrate::kbps(2000);  ///< FLV tells its viewers
  core::Bitrate audio_bitrate = core::Bitrate::kbps(128);
  bool verify_tls = true;
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  core::Duration connect_deadline = std::chrono::seconds(10);
  core::Duration write_deadline = std::chrono::seconds(5);  ///< a write that takes longer: the server has stalled
  core::Duration close_deadline = std::chrono::seconds(2);
};

class Muxer {
 public:
  Muxer(OutputTarget target, MuxerConfig config);
  ~Muxer();  ///< hangs up without a goodbye if finish() was not called
  Muxer(const Muxer&) = delete;
  Muxer& operator=(const Muxer&) = delete;

  core::Result<> connect();
  /// `parameter_sets`: SPS and PPS in Annex B; empty without video.
  core::Result<> begin(std::span<const uint8_t> parameter_sets);
  /// `time`: microseconds, rising for each kind. New parameter sets of a keyframe are announced to the container.
  core::Result<> write(const core::EncodedFrame& frame, int64_t time);
  /// Writes what a proper end needs (file indexes, RTMP's deleteStream) and closes.
  core::Result<> finish();

  /// Breaks off what is blocking: at once while connecting, after `grace` while writing.
  void interrupt(core::Duration grace);

 private:
  static int asked_to_stop(void* self);
  core::Result<> add_streams(std::span<const uint8_t> parameter_sets);
  core::Error failure(std::string_view what, int code);
  void hang_up();

  const OutputTarget target_;
  const MuxerConfig config_;
  AVFormatContext* context_ = nullptr;
  AVStream* audio_ = nullptr;
  AVStream* video_ = nullptr;
  std::vector<uint8_t> parameter_sets_;
  bool begun_ = false;
  std::atomic<int64_t> deadline_;       // of the call under way, in Clock ticks
  std::atomic<int64_t> last_deadline_;  // set by interrupt()
  std::atomic<bool> connecting_{false}, interrupted_{false};
};

/// The SPS and PPS of an Annex B access unit, in Annex B; empty when one of the two is missing.
std::vector<uint8_t> parameter_sets_of(std::span<const uint8_t> access_unit);

}  // namespace partyline::gateway
