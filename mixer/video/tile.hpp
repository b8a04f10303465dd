// A member as the room's picture knows it: what may be shown of it, and its newest picture. Where it is shown, each
// View decides for itself.
//
// Thread: the room's strand.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/speech.hpp"

namespace partyline::mixer {

/// Where a tile's pictures come from.
class PictureFeed {
 public:
  virtual ~PictureFeed() = default;
  /// Pictures are decoded only while somebody sees them.
  virtual void set_wanted(bool wanted, core::TimePoint now) = 0;
  /// In pixels; more than that is lost on the way to the canvas. 0x0: not shown.
  virtual void set_shown_size(core::VideoSize) {}
  virtual std::optional<Picture> take_due(core::TimePoint now, core::Duration half_frame) = 0;
  /// When its sender last sent something of its picture, be it of use or not; nothing: it never has.
  virtual std::optional<core::TimePoint> last_sent() const = 0;
  /// Its sender has stopped, or is to be covered: what it shows until it goes on does not stand still, it is not there.
  virtual void note_pause() {}
};

struct Tile {
  uint64_t member = 0;
  std::string name;
  bool visible = true, expected = true, video_muted = false;
  bool audio_muted = false, self_muted = false;  ///< by an operator, by himself
  bool pinned = false, presenting = false;
  Speech speech = Speech::none;
  core::TimePoint speaking_since{};
  std::shared_ptr<PictureFeed> feed;
  bool shown = false;  ///< in any view
  bool off = false;    ///< it sends no picture, without having said so
  bool quiet = false;  ///< the same, and of a screen share, which is none the less shown
  std::optional<core::TimePoint> watched_since;
  Picture picture;
  uint64_t pictures = 0;  ///< another number: another picture, or none any more

  bool speaking() const { return speech != Speech::none; }
  bool inaudible() const { return audio_muted || self_muted; }
  bool may_show_video() const { return expected && !video_muted; }
};

}  // namespace partyline::mixer
