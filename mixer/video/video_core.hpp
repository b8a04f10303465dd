// The room's picture as pure logic: who is shown where, what must be painted again, which picture is due, which
// encoder gets what. tick(now) is all there is of time. VideoRoom puts a timer and threads around it.
//
// Thread: one at a time (the room's strand). The jobs of a tick may run on other threads, beside each other; the next
// tick comes after all of them. Deliberately not here: decoding, sinks, letters (see PictureFeed, EncodeJob, Gallery).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/cross_fade.hpp"
#include "mixer/video/gallery.hpp"
#include "mixer/video/layout_plan.hpp"
#include "mixer/video/rendition.hpp"

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
};

class VideoCore {
 public:
  /// `layouts`: null: what every program has, grid and speaker.
  explicit VideoCore(RoomConfig room, std::shared_ptr<const LayoutCatalog> layouts = nullptr);

  void add_tile(uint64_t member, std::string name, bool visible, std::shared_ptr<PictureFeed> feed);
  void remove_tile(uint64_t member, core::TimePoint now);
  void set_name(uint64_t member, std::string name);
  void set_video_expected(uint64_t member, bool expected);
  void set_video_muted(uint64_t member, bool muted);
  void set_audio_muted(uint64_t member, bool muted);
  void set_speaking(uint64_t member, bool speaking, core::TimePoint now);
  /// Its picture belongs in the speaker's region, whoever speaks.
  void set_pinned(uint64_t member, bool pinned);
  /// It is a screen share.
  void set_presenting(uint64_t member, bool presenting);
  /// The catalog knows it.
  void set_layout(std::string layout);

  /// The rendition was checked (check_rendition).
  void add_output(OutputId id, VideoRendition rendition, std::shared_ptr<OutputGate> gate);
  void remove_output(OutputId id);
  void request_keyframe(OutputId id);
  /// While it is there, no economy touches the room's size.
  void hold_size(OutputId id);
  /// What the room does without from the next tick on: frame_interval() may change.
  void set_economy(const Economy& economy);
  /// These members' pictures, and no others', fill receivers' screens, whatever the layout says.
  void show_whole(const std::set<uint64_t>& members);
  void set_output_target(OutputId id, core::Bitrate target);
  /// What is encoded for this output at present; nothing for one that is unknown.
  std::optional<core::Bitrate> output_bitrate(OutputId id) const;

  bool active() const { return !renditions_.empty(); }
  /// Something is encoded that is no still.
  bool mixes() const;
  /// Whose picture alone this viewer (nobody: one who is not in the room) would see; nothing: a mix is needed. `pairs`:
  /// of two members each sees the other.
  std::optional<uint64_t> sole_picture(std::optional<uint64_t> viewer, bool pairs) const;
  /// It is here and nobody has covered its picture.
  bool may_be_shown(uint64_t member) const;
  /// Everybody who shall be seen can be seen. After a tick.
  bool settled() const;
  /// No outputs any more: nothing is wanted from the feeds.
  void rest(core::TimePoint now);
  /// `now` is the frame's place in the schedule. Jobs must have run before the next tick.
  std::vector<EncodeJob> tick(core::TimePoint now);

  Gallery& gallery() { return gallery_; }
  /// What is shown, be it halfway between two layouts.
  const I420Image& canvas() const { return fade_.active() ? fade_.shown() : canvas_; }
  core::Duration frame_interval() const { return interval_; }
  int tile_count() const { return static_cast<int>(tiles_.size()); }
  int encoder_count() const { return static_cast<int>(renditions_.size()); }
  int output_count() const;
  uint64_t tiles_painted() const { return tiles_painted_; }
  const std::shared_ptr<EncodeTotals>& totals() const { return totals_; }

 private:
  struct Tile {
    uint64_t member = 0;
    std::string name;
    bool visible = true, expected = true, video_muted = false, audio_muted = false, speaking = false;
    bool pinned = false, presenting = false;
    core::TimePoint speaking_since{};
    std::shared_ptr<PictureFeed> feed;
    std::optional<Rect> cell;  // nothing: not shown
    int layer = 0;             // above those with a lower one
    Picture picture;
    bool fresh = false;  // the picture has not been painted yet
    ArtPtr label, edge, placeholder;
    bool stale = true;  // everything must be painted again
    bool may_show_video() const { return expected && !video_muted; }
  };
  struct Scaled {
    I420Image image;
    Rect area;
    uint64_t version = 0;
  };

  Tile* find(uint64_t member);
  void update_speaker(core::TimePoint now);
  void arrange(core::TimePoint now);
  void want(Tile& tile, bool wanted, core::TimePoint now);
  void paint(core::TimePoint now);
  void hang_decor();
  void paint_ground();
  void paint_empty();
  void stamp_logo(const Rect& area);
  bool refresh_art(Tile& tile);
  void paint_tile(Tile& tile);
  void uncover(const Tile& painted);
  I420Image picture_for(core::VideoSize size);
  void drop_unused_sizes();
  void economise();

  RoomConfig room_;
  core::Duration interval_;
  std::shared_ptr<const LayoutCatalog> layouts_;
  std::string layout_;
  std::vector<std::unique_ptr<Tile>> tiles_;  // in order of joining
  ActiveSpeaker speaker_;
  bool arrange_ = true;
  int shown_count_ = 0;
  std::vector<Tile*> painted_;       // those shown, bottom to top
  bool speaker_has_a_seat_ = false;  // who speaks decides who sits where
  bool blank_ = true;                // the canvas' background must be painted
  bool lit_ = false;                 // the canvas has been shown since the last rest
  CrossFade fade_;
  ArtPtr slate_, background_, logo_;
  Gallery gallery_;
  I420Image canvas_;
  uint64_t canvas_version_ = 1;
  std::map<core::VideoSize, Scaled> scaled_;
  Economy economy_;
  std::set<OutputId> holding_;  // outputs that keep the size
  std::set<uint64_t> whole_;    // members whose pictures are passed
  std::map<VideoRendition, std::shared_ptr<Rendition>> renditions_;
  std::shared_ptr<EncodeTotals> totals_ = std::make_shared<EncodeTotals>();
  std::optional<core::TimePoint> origin_;  ///< of the first tick
  uint64_t ticks_ = 0, tiles_painted_ = 0;
};

}  // namespace partyline::mixer
