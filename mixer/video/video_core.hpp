// The room's picture as pure logic: who is there and may be seen, which picture of his is due, which encoder gets which
// view. tick(now) is all there is of time. VideoRoom puts a timer and threads around it; View knows who sits where and
// paints.
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
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/gallery.hpp"
#include "mixer/video/layout_plan.hpp"
#include "mixer/video/rendition.hpp"
#include "mixer/video/tile.hpp"
#include "mixer/video/view.hpp"

namespace partyline::mixer {

class VideoCore {
 public:
  /// `layouts`: null: what every program has, grid and speaker.
  explicit VideoCore(RoomConfig room, std::shared_ptr<const LayoutCatalog> layouts = nullptr);
  VideoCore(const VideoCore&) = delete;
  VideoCore& operator=(const VideoCore&) = delete;

  void add_tile(uint64_t member, std::string name, bool visible, std::shared_ptr<PictureFeed> feed);
  void remove_tile(uint64_t member, core::TimePoint now);
  void set_name(uint64_t member, std::string name);
  void set_video_expected(uint64_t member, bool expected);
  void set_video_muted(uint64_t member, bool muted);
  void set_audio_muted(uint64_t member, bool muted);
  void set_self_muted(uint64_t member, bool muted);
  void set_speech(uint64_t member, Speech speech, core::TimePoint now);
  /// Its picture belongs in the speaker's region, whoever speaks.
  void set_pinned(uint64_t member, bool pinned);
  /// It is a screen share.
  void set_presenting(uint64_t member, bool presenting);
  /// The catalog knows it.
  void set_layout(std::string layout);

  /// The rendition was checked (check_rendition).
  /// `hold_size`: while it is there, no economy touches the room's size.
  void add_output(OutputId id, VideoRendition rendition, std::shared_ptr<OutputGate> gate, bool hold_size = false);
  void remove_output(OutputId id);
  void request_keyframe(OutputId id);
  /// What the room does without from the next tick on: frame_interval() may change.
  void set_economy(const Economy& economy);
  /// These members' pictures, and no others', fill receivers' screens, whatever the layout says.
  void show_whole(const std::set<uint64_t>& members);
  /// By whom they hide: these views are painted although nothing of them is encoded yet.
  void await_views(const std::set<uint64_t>& hidden);
  void set_output_target(OutputId id, core::Bitrate target);
  /// What is encoded for this output at present; nothing for one that is unknown.
  std::optional<core::Bitrate> output_bitrate(OutputId id) const;

  bool active() const { return !renditions_.empty(); }
  /// Something is encoded that is no still.
  bool mixes() const;
  /// Whose picture alone this viewer (nobody: one who is not in the room) would see; nothing: a mix is needed. `pairs`:
  /// of two members each sees the other.
  std::optional<uint64_t> sole_picture(std::optional<uint64_t> viewer, bool pairs) const;
  /// Whose pictures have stopped coming is a name again until the next one; a screen share may stand still for ever.
  /// Done by every tick; by whoever passes pictures without ticks, now and then.
  void watch_senders(core::TimePoint now);
  /// Somebody has begun or ceased to send since this was last asked.
  bool take_switched() { return std::exchange(switched_, false); }
  /// It is here and nobody has covered its picture.
  bool may_be_shown(uint64_t member) const;
  /// Everybody who shall be seen can be seen, and all letters are there. After a tick.
  bool settled() const;
  /// No outputs any more: nothing is wanted from the feeds.
  void rest(core::TimePoint now);
  /// `now` is the frame's place in the schedule. Jobs must have run before the next tick.
  std::vector<EncodeJob> tick(core::TimePoint now);

  Gallery& gallery() { return gallery_; }
  /// What those see who are spared `hidden`; 0: everybody else. While somebody does.
  const I420Image& canvas(uint64_t hidden = 0) const { return views_.at(hidden)->canvas(); }
  core::Duration frame_interval() const { return interval_; }
  int tile_count() const { return static_cast<int>(tiles_.size()); }
  int encoder_count() const { return static_cast<int>(renditions_.size()); }
  int output_count() const;
  uint64_t tiles_painted() const { return count(&View::cells_painted); }
  /// Of these, those that another view had ready.
  uint64_t tiles_copied() const { return count(&View::cells_copied); }
  const std::shared_ptr<EncodeTotals>& totals() const { return totals_; }

 private:
  Tile* find(uint64_t member);
  void hear(core::TimePoint now);
  void arrange(core::TimePoint now);
  void want(Tile& tile, bool wanted, core::TimePoint now);
  void take_pictures(core::TimePoint now);
  static void drop_picture(Tile& tile);
  void cover(Tile& tile);
  void choose_views();
  void drop_unused_sizes();
  void economise();
  uint64_t count(uint64_t (View::*figure)() const) const;

  RoomConfig room_;
  core::Duration interval_;
  std::shared_ptr<const LayoutCatalog> layouts_;
  std::string layout_;
  View::Tiles tiles_;  // in order of joining
  bool arrange_ = true;
  bool switched_ = false;
  Gallery gallery_;
  core::VideoSize canvas_;
  std::map<uint64_t, std::unique_ptr<View>> views_;  // by whom they hide; 0 is always there
  std::vector<View*> live_;                          // those that are painted
  Economy economy_;
  std::set<OutputId> holding_;  // outputs that keep the size
  std::set<uint64_t> whole_;    // members whose pictures are passed
  std::set<uint64_t> awaited_;  // views, by whom they hide
  std::map<VideoRendition, std::shared_ptr<Rendition>> renditions_;
  std::shared_ptr<EncodeTotals> totals_ = std::make_shared<EncodeTotals>();
  std::optional<core::TimePoint> origin_;  ///< of the first tick
  uint64_t ticks_ = 0;
};

}  // namespace partyline::mixer
