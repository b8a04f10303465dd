// Muxer: one connection of a live output through libavformat, from dialling to goodbye. Blocking, under deadlines.
//
// H.264 goes in as Annex B with the parameter sets in front of each IDR; the muxers turn it into what their container
// wants (FLV, MP4 and Matroska: length prefixes and avcC, made from the parameter sets given as extradata). AAC goes in
// as raw access units: LC, 48 kHz, stereo. Matroska takes what phones and browsers send, too: VP8, Opus, and by
// Windows' tags (A_MS/ACM) G.722 and G.711. Nothing is encoded here.
//
// Thread: the output's own; interrupt() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "gateway/outputs/muxer_tracks.hpp"
#include "gateway/outputs/output_url.hpp"

struct AVFormatContext;
struct AVStream;

namespace partyline::gateway {

struct MuxerConfig {
  bool audio = true, video = true;
  int frames_per_second = 30;                               ///< 0: not known
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
  /// Where it writes, if that is a file; once connected.
  const std::string& file() const { return file_; }
  core::Result<> begin(const MuxerTracks& tracks);
  /// `time`: microseconds, rising for each kind. New parameter sets of a keyframe are announced to the container.
  core::Result<> write(const core::EncodedFrame& frame, int64_t time);
  /// Writes what a proper end needs (file indexes, RTMP's deleteStream) and closes. A file that holds nothing goes.
  core::Result<> finish();

  /// Breaks off what is blocking: at once while connecting, after `grace` while writing.
  void interrupt(core::Duration grace);

 private:
  static int asked_to_stop(void* self);
  core::Result<std::string> destination();
  core::Result<> add_streams(const MuxerTracks& tracks);
  core::Error failure(std::string_view what, int code);
  void hang_up();

  const OutputTarget target_;
  const MuxerConfig config_;
  std::string file_;
  bool file_is_empty_ = false;  // we made it, and nothing is in it yet
  AVFormatContext* context_ = nullptr;
  AVStream* audio_ = nullptr;
  AVStream* video_ = nullptr;
  std::vector<uint8_t> parameter_sets_;
  bool begun_ = false;
  std::atomic<int64_t> deadline_;       // of the call under way, in Clock ticks
  std::atomic<int64_t> last_deadline_;  // set by interrupt()
  std::atomic<bool> connecting_{false}, interrupted_{false};
};

}  // namespace partyline::gateway
