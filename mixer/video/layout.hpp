// Where the tiles go: pure arithmetic on a canvas of even size. Cells are 16:9, even in place and size, and touch: the
// gap that the eye sees is painted over their edges, so that a 640x360 source in a quarter of 1280x720 is copied, not
// scaled.
//
//   grid of 5                row of 4
//   ┌────┬────┬────┐         ┌────┬────┬────┬────┐
//   │ 1  │ 2  │ 3  │         │ 1  │ 2  │ 3  │ 4  │
//   ├──┬─┴──┬─┴──┬─┘         └────┴────┴────┴────┘
//      │ 4  │ 5  │
//      └────┴────┘
//
// Which cells a room has, and who gets which: layout_plan.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/speech.hpp"

namespace partyline::mixer {

struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
  auto operator<=>(const Rect&) const = default;
};

inline bool overlap(const Rect& a, const Rect& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

inline constexpr int kMaxTilesShown = 25;
inline constexpr int kMaxStripTiles = 8;

/// One cell per shown member, in reading order; `count` beyond kMaxTilesShown gets no cell.
std::vector<Rect> grid_cells(core::VideoSize canvas, int count);
/// One cell each beside each other (`row`) or below each other, of one size, centred in the box.
std::vector<Rect> line_cells(core::VideoSize box, int count, bool row);

/// The largest even rectangle inside `cell`, centred, that shows a `source` of this sample aspect whole and
/// unstretched.
Rect fit_into(const Rect& cell, core::VideoSize source, int aspect_num = 1, int aspect_den = 1);

/// A member who speaks now.
struct Voice {
  uint64_t member = 0;
  Speech speech = Speech::lasting;
};

/// Who gets the large cell: holds a speaker while he speaks and for 1.5 s of silence; after that it takes more than a
/// cough to follow him. Thread: owner's.
class ActiveSpeaker {
 public:
  static constexpr core::Duration kHold = std::chrono::milliseconds(1500);
  /// `voices`: longest first. The answer is nobody until somebody has spoken.
  std::optional<uint64_t> update(std::span<const Voice> voices, core::TimePoint now);
  void forget(uint64_t member) {
    if (current_ == member) current_.reset();
  }
  std::optional<uint64_t> current() const { return current_; }

 private:
  std::optional<uint64_t> current_;
  core::TimePoint last_heard_{};
};

}  // namespace partyline::mixer
