// One picture of the room: who sits where on its canvas, what of it must be painted again, which encoder gets which
// size of it. A room has one view that everybody shares and, where wanted, others that leave one member out.
//
//   arrange: layout, seats ─▶ places      paint: ground ─▶ places, bottom to top ─▶ logo      fade ─▶ canvas()
//
// Views share what is decoded and drawn; where a member's cell is of the same size in two of them, it is scaled once
// and copied. Thread: the room's strand.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/cross_fade.hpp"
#include "mixer/video/gallery.hpp"
#include "mixer/video/layout_plan.hpp"
#include "mixer/video/tile.hpp"

namespace partyline::mixer {

class View {
 public:
  using Tiles = std::vector<std::unique_ptr<Tile>>;

  /// `hidden`: the member it leaves out; 0: nobody. `room` and `gallery` must outlive it.
  View(const RoomConfig& room, core::VideoSize canvas, Gallery& gallery, uint64_t hidden);

  /// `talking`: longest first.
  void hear(std::span<const Voice> talking, core::TimePoint now);
  /// Its tile goes.
  void forget(const Tile& tile);
  /// Who speaks now belongs elsewhere.
  bool unseated() const { return unseated_; }
  /// `may_fade`: the way to another arrangement, if there is one, may cost something.
  void arrange(const Tiles& tiles, const LayoutCatalog& layouts, std::string_view layout, bool may_fade,
               core::TimePoint now);
  /// How large this member is shown; nothing: it is not.
  std::optional<core::VideoSize> size_of(uint64_t member) const;
  /// After arrange(). `painted`: other views that have been painted for this tick.
  void paint(std::span<const View* const> painted, core::TimePoint now);
  /// Somebody sees it from now on: changes may fade.
  void light() { lit_ = true; }
  /// Nobody sees it any more; paint() is not called until arrange() was.
  void rest();
  void resize(core::VideoSize canvas);

  /// What is shown, be it halfway between two layouts.
  const I420Image& canvas() const { return fade_.active() ? fade_.shown() : canvas_; }
  /// Another number: another picture.
  uint64_t version() const { return version_; }
  /// The canvas in this size. Its pixels stay until the next paint().
  I420Image picture_for(core::VideoSize size);
  /// Other sizes than these are not needed any more.
  void keep_sizes(std::span<const core::VideoSize> sizes);
  uint64_t cells_painted() const { return cells_painted_; }
  uint64_t cells_copied() const { return cells_copied_; }

 private:
  struct Place {
    const Tile* tile = nullptr;
    Rect cell;
    int layer = 0;          // above those with a lower one
    bool covered = false;   // something lies above a part of it
    bool framed = false;    // its rim shows what lies below
    bool stale = true;      // what is below has been painted anew
    uint64_t pictures = 0;  // Tile::pictures when it was painted
    ArtPtr label, edge, placeholder;
    std::array<I420Image, kEdgeParts> below;  // of a framed one: the canvas under its edge, without it
  };
  struct Scaled {
    I420Image image;
    Rect area;
    uint64_t version = 0;
  };

  bool hides(uint64_t member) const { return hidden_ != 0 && member == hidden_; }
  bool seat(const Tiles& tiles, std::span<const Seat> seats);
  void find_overlaps();
  void hang_decor();
  void paint_ground();
  void paint_empty();
  void lift_logo();
  void lay_logo();
  bool refresh_art(Place& place);
  void paint_place(Place& place, std::span<const View* const> painted);
  void paint_edge(Place& place);
  void keep_ground(Place& place);
  void restore_ground(const Place& place);
  void uncover(const Place& painted);
  bool plain(const Place& place) const;
  bool has_logo() const { return logo_ && !logo_->sprites.empty() && !logo_->sprites.front().empty(); }
  /// A cell that looks as this one shall.
  std::optional<I420View> offer(const Place& wanted) const;

  const RoomConfig& room_;
  Gallery& gallery_;
  const uint64_t hidden_;
  ActiveSpeaker speaker_;
  bool speaker_has_a_seat_ = false;  // who speaks decides who sits where
  bool unseated_ = false;
  std::vector<Place> places_;  // bottom to top
  std::vector<Place*> above_;  // of one that is painted: kept for its memory
  bool lost_ = false;          // somebody has left since the last arrangement
  bool blank_ = true;          // the canvas' ground must be painted
  bool lit_ = false;           // somebody has seen it since the last rest
  CrossFade fade_;
  ArtPtr slate_, background_, logo_;
  std::optional<Rect> logo_at_;  // there it lies on the canvas
  I420Image below_logo_;
  I420Image canvas_;
  uint64_t version_ = 1;
  std::map<core::VideoSize, Scaled> scaled_;
  uint64_t cells_painted_ = 0, cells_copied_ = 0;
};

}  // namespace partyline::mixer
