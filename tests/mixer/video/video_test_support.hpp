// Small helpers of the video tests: pictures of one colour, encoded in process, and readers of what came out.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mixer/codec/video_decoder.hpp"
#include "mixer/codec/video_encoder.hpp"
#include "mixer/video/paint.hpp"
#include "mixer/video/video_core.hpp"

namespace partyline::mixer::test {

using namespace std::chrono_literals;

inline constexpr Yuv kRed{81, 90, 240}, kGreen{145, 54, 34}, kBlue{41, 240, 110}, kWhite{235, 128, 128};

inline core::TimePoint at(core::Duration since_start) {
  return core::TimePoint(std::chrono::hours(1000)) + since_start;
}

inline I420Image solid(core::VideoSize size, Yuv colour) {
  I420Image image(size);
  fill(image, {0, 0, size.width, size.height}, colour);
  return image;
}

inline Picture solid_picture(core::VideoSize size, Yuv colour, core::TimePoint capture = at(0ms)) {
  Picture picture = solid(size, colour).picture();
  picture.capture = capture;
  return picture;
}

inline Yuv pixel(const I420View& view, int x, int y) {
  return {view.y[y * view.stride_y + x], view.u[(y / 2) * view.stride_u + x / 2],
          view.v[(y / 2) * view.stride_v + x / 2]};
}

inline bool near(Yuv a, Yuv b, int tolerance = 12) {
  return std::abs(a.y - b.y) <= tolerance && std::abs(a.u - b.u) <= tolerance && std::abs(a.v - b.v) <= tolerance;
}

/// A sender: encodes what it is given as a received frame.
class Camera {
 public:
  explicit Camera(core::VideoSize size, core::Codec codec = core::Codec::h264, int max_nal_bytes = 0) : codec_(codec) {
    VideoRendition rendition{codec, size, 25, core::Bitrate::kbps(600), max_nal_bytes};
    encoder_ = std::move(*make_video_encoder(rendition));
  }
  core::EncodedFrame take(const I420View& picture, bool keyframe, core::TimePoint capture) {
    EncodedPicture out;
    core::EncodedFrame frame;
    frame.codec = codec_;
    frame.capture = frame.arrival = capture;
    if (!encoder_->encode(picture, count_++ * 3600, keyframe, out)) return frame;
    frame.buffer = out.buffer;
    frame.data = std::as_const(frame.buffer).span();
    frame.keyframe = out.keyframe;
    return frame;
  }

 private:
  core::Codec codec_;
  std::unique_ptr<VideoEncoder> encoder_;
  int64_t count_ = 0;
};

/// Keeps the frames it gets.
struct KeepingSink : core::FrameSink {
  std::vector<core::EncodedFrame> frames;
  void push(const core::EncodedFrame& frame) override { frames.push_back(frame); }
};

/// A feed whose pictures the test sets.
struct ScriptedFeed : PictureFeed {
  bool wanted = false;
  std::optional<Picture> next;
  core::VideoSize shown{-1, -1};  // until it is told
  std::optional<core::TimePoint> sent = core::TimePoint::max();
  void set_shown_size(core::VideoSize size) override { shown = size; }
  void set_wanted(bool value, core::TimePoint) override { wanted = value; }
  std::optional<Picture> take_due(core::TimePoint, core::Duration) override { return std::exchange(next, {}); }
  std::optional<core::TimePoint> last_sent() const override { return sent; }
  int pauses = 0;
  void note_pause() override { ++pauses; }
};

/// A VideoCore with its art drawn and its jobs run at once.
struct Room {
  explicit Room(RoomConfig config = {}, std::shared_ptr<const LayoutCatalog> layouts = nullptr)
      : core(config, std::move(layouts)) {}
  /// Somebody is there whose picture is a new one at every tick: else hardly anything is encoded.
  void enliven() { lively = join(999, ""); }
  void tick() {
    if (lively) lively->next = solid_picture({64, 36}, kRed, now);
    for (EncodeJob& job : core.tick(now)) job.run();
    for (const ArtKey& key : core.gallery().take_wishes()) core.gallery().hang(key, draw_art(key, EngineConfig().font));
    now += core.frame_interval();
  }
  std::shared_ptr<ScriptedFeed> join(uint64_t member, const std::string& name) {
    auto feed = std::make_shared<ScriptedFeed>();
    core.add_tile(member, name, true, feed);
    return feed;
  }
  void speak(uint64_t member, bool speaks, Speech speech = Speech::lasting) {
    core.set_speech(member, speaks ? speech : Speech::none, now);
  }
  std::shared_ptr<KeepingSink> watch(OutputId id, VideoRendition rendition = {}, bool hold_size = false) {
    auto sink = std::make_shared<KeepingSink>();
    core.add_output(id, rendition, std::make_shared<OutputGate>(sink), hold_size);
    return sink;
  }
  core::TimePoint now = at(0ms);
  VideoCore core;
  std::shared_ptr<ScriptedFeed> lively;
};

inline std::optional<Picture> decode_last(const std::vector<core::EncodedFrame>& frames) {
  if (frames.empty()) return std::nullopt;
  auto decoder = std::move(*make_video_decoder(frames.front().codec));
  std::optional<Picture> last;
  for (const core::EncodedFrame& frame : frames) {
    Picture picture;
    if (decoder->decode(frame, picture) == DecodeStatus::picture) last = picture;
  }
  return last;
}

}  // namespace partyline::mixer::test
