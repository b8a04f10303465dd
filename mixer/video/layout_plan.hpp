// Layouts as data: a plan names regions of the canvas, who belongs there and how several share one; seating gives each
// shown member a cell. A catalog holds the plans by name and chooses one when the room says "auto".
//
//   {"name": "speaker", "automatic": {"members": [17, 100]},
//    "regions": [{"area": [0, 0, 1, 0.75], "role": "speaker", "spread": "one"},
//                {"area": [0, 0.75, 1, 0.25], "spread": "row", "most": 8}]}
//
// area: x, y, width, height in fractions of the canvas; later regions lie above earlier ones. role: "anybody" (also the
// default), "speaker" (pinned members, then who speaks, then who came first; inside a region for several, and where all
// places are alike, they sit in the order of joining), "presentation" (screen shares; without one it is a speaker's).
// spread: "grid" (default), "row", "column" or "one". most: members at once. automatic: "auto" may choose it, for that
// many members, or with "presentation": true while somebody shares a screen. A region that is the only one with anybody
// in it takes the place of the others as well.
//
// Thread: pure; a catalog is not changed once it is shared.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "mixer/video/layout.hpp"

namespace partyline::mixer {

struct LayoutRegion {
  enum class Role : uint8_t { anybody, speaker, presentation };
  enum class Spread : uint8_t { grid, row, column, one };
  double x = 0, y = 0, width = 1, height = 1;  ///< fractions of the canvas
  Role role = Role::anybody;
  Spread spread = Spread::grid;
  int most = kMaxTilesShown;
};

struct LayoutPlan {
  std::string name;
  std::vector<LayoutRegion> regions;  ///< bottom to top
  std::optional<std::pair<int, int>> automatic_members;
  bool automatic_presentation = false;
};

/// Errors name the field.
core::Result<LayoutPlan> parse_layout(std::string_view json);

class LayoutCatalog {
 public:
  /// "grid" and "speaker".
  LayoutCatalog();
  /// Replaces a plan of that name.
  void add(LayoutPlan plan);
  /// "auto" and the plans' names.
  bool knows(std::string_view name) const;
  std::vector<std::string> names() const;
  /// The plan of that name; for "auto" what fits the room, and the grid when nothing does.
  const LayoutPlan& choose(std::string_view name, int members, bool presenting) const;

 private:
  const LayoutPlan* find(std::string_view name) const;
  std::vector<LayoutPlan> plans_;
};

struct Guest {
  uint64_t member = 0;
  bool pinned = false;
  bool presenting = false;  ///< a screen share
};

struct Seat {
  uint64_t member = 0;
  Rect cell;
  int layer = 0;  ///< higher ones are painted above lower ones
};

/// `guests` in order of joining; who finds no place is left out, the active speaker last of all.
std::vector<Seat> take_seats(const LayoutPlan& plan, core::VideoSize canvas, std::span<const Guest> guests,
                             std::optional<uint64_t> active);

}  // namespace partyline::mixer
