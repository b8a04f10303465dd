#include "mixer/video/layout_plan.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::mixer {
namespace {

using Role = LayoutRegion::Role;
using Spread = LayoutRegion::Spread;

Rect box_of(const LayoutRegion& region, core::VideoSize canvas) {
  const auto even = [](double at) { return static_cast<int>(std::lround(at)) & ~1; };
  const int left = even(region.x * canvas.width), top = even(region.y * canvas.height);
  const int right = std::min(canvas.width, even((region.x + region.width) * canvas.width));
  const int bottom = std::min(canvas.height, even((region.y + region.height) * canvas.height));
  return {left, top, std::max(2, right - left), std::max(2, bottom - top)};
}

/// What all regions together cover.
Rect extent_of(const LayoutPlan& plan, core::VideoSize canvas) {
  Rect all = box_of(plan.regions[0], canvas);
  for (const LayoutRegion& region : plan.regions) {
    const Rect box = box_of(region, canvas);
    const int right = std::max(all.x + all.width, box.x + box.width);
    const int bottom = std::max(all.y + all.height, box.y + box.height);
    all = {std::min(all.x, box.x), std::min(all.y, box.y), 0, 0};
    all.width = right - all.x;
    all.height = bottom - all.y;
  }
  return all;
}

std::vector<Rect> cells_of(const LayoutRegion& region, const Rect& box, int count) {
  if (count == 0) return {};
  std::vector<Rect> cells;
  switch (region.spread) {
    case Spread::one:
      cells = line_cells({box.width, box.height}, 1, true);
      break;
    case Spread::grid:
      cells = grid_cells({box.width, box.height}, count);
      break;
    case Spread::row:
      cells = line_cells({box.width, box.height}, count, true);
      break;
    case Spread::column:
      cells = line_cells({box.width, box.height}, count, false);
      break;
  }
  for (Rect& cell : cells) {
    cell.x += box.x;
    cell.y += box.y;
  }
  return cells;
}

// Who is still without a seat, and the regions' lists of those who have one.
class Usher {
 public:
  Usher(const LayoutPlan& plan, std::span<const Guest> guests, std::optional<uint64_t> active)
      : plan_(plan),
        guests_(guests),
        waiting_(guests.begin(), guests.end()),
        active_(active),
        seated_(plan.regions.size()) {}

  void seat_everybody() {
    const bool presenting = std::ranges::any_of(waiting_, &Guest::presenting);
    each(Role::presentation, [&](size_t i) { presenting ? fill(i, &Guest::presenting) : seat_speakers(i); });
    each(Role::speaker, [&](size_t i) { seat_speakers(i); });
    each(Role::anybody, [&](size_t i) { fill(i, nullptr); });
    keep_the_speaker_in_sight();
    if (places_are_alike()) seat_by_joining();
  }
  const std::vector<Guest>& seated(size_t region) const { return seated_[region]; }

 private:
  template <class Action>
  void each(Role role, Action action) {
    for (size_t i = 0; i < plan_.regions.size(); ++i)
      if (plan_.regions[i].role == role) action(i);
  }
  bool full(size_t region) const {
    const auto& r = plan_.regions[region];
    const int most = r.spread == Spread::one ? 1 : r.most;
    return static_cast<int>(seated_[region].size()) >= most;
  }
  void seat(size_t region, std::vector<Guest>::iterator guest) {
    seated_[region].push_back(*guest);
    waiting_.erase(guest);
  }
  void fill(size_t region, bool Guest::*only) {
    for (auto guest = waiting_.begin(); guest != waiting_.end() && !full(region);) {
      if (!only || (*guest).*only) {
        seated_[region].push_back(*guest);
        guest = waiting_.erase(guest);
      } else {
        ++guest;
      }
    }
  }
  void seat_speakers(size_t region) {
    fill(region, &Guest::pinned);
    if (full(region) || waiting_.empty()) return;
    const auto active = std::ranges::find(waiting_, active_, [](const Guest& g) { return std::optional(g.member); });
    const size_t pinned = seated_[region].size();
    if (active != waiting_.end()) seat(region, active);
    fill(region, nullptr);
    sort(std::span(seated_[region]).subspan(pinned));
  }
  // Whoever came first sits first, so that nobody moves because somebody else speaks.
  void sort(std::span<Guest> seated) const {
    std::ranges::sort(seated, {}, [this](const Guest& guest) {
      return std::ranges::find(guests_, guest.member, &Guest::member) - guests_.begin();
    });
  }
  bool places_are_alike() const {
    return std::ranges::all_of(plan_.regions, [this](const LayoutRegion& region) {
      return region.spread == Spread::one && region.role != Role::presentation &&
             region.width == plan_.regions[0].width && region.height == plan_.regions[0].height;
    });
  }
  void seat_by_joining() {
    std::vector<Guest> seated;
    for (const auto& region : seated_) seated.insert(seated.end(), region.begin(), region.end());
    const auto others = std::ranges::stable_partition(seated, &Guest::pinned);
    sort(std::span(others.begin(), others.end()));
    auto next = seated.begin();
    for (auto& region : seated_)
      for (Guest& guest : region) guest = *next++;
  }
  // Whoever speaks is seen, be it in the last seat.
  void keep_the_speaker_in_sight() {
    const auto active = std::ranges::find(waiting_, active_, [](const Guest& g) { return std::optional(g.member); });
    if (active == waiting_.end()) return;
    for (size_t i = plan_.regions.size(); i-- > 0;) {
      if (plan_.regions[i].role != Role::anybody || seated_[i].empty()) continue;
      seated_[i].back() = *active;
      return;
    }
  }

  const LayoutPlan& plan_;
  std::span<const Guest> guests_;  // in order of joining
  std::vector<Guest> waiting_;
  std::optional<uint64_t> active_;
  std::vector<std::vector<Guest>> seated_;
};

LayoutPlan grid_plan() {
  LayoutPlan plan{"grid", {LayoutRegion{}}, std::pair{1, kMaxTilesShown}, false};
  return plan;
}

LayoutPlan speaker_plan() {
  LayoutRegion large{0, 0, 1, 0.75, Role::speaker, Spread::one, 1};
  LayoutRegion strip{0, 0.75, 1, 0.25, Role::anybody, Spread::row, kMaxStripTiles};
  return {"speaker", {large, strip}, std::nullopt, false};
}

}  // namespace

std::vector<Seat> take_seats(const LayoutPlan& plan, core::VideoSize canvas, std::span<const Guest> guests,
                             std::optional<uint64_t> active) {
  // Nobody needs a layout for one.
  if (guests.size() == 1) return {{guests[0].member, {0, 0, canvas.width, canvas.height}, 0}};
  Usher usher(plan, guests, active);
  usher.seat_everybody();
  int used = 0;
  for (size_t i = 0; i < plan.regions.size(); ++i) used += usher.seated(i).empty() ? 0 : 1;
  std::vector<Seat> seats;
  for (size_t i = 0; i < plan.regions.size(); ++i) {
    const auto& seated = usher.seated(i);
    // A region that is the only one in use takes the place of those that stay empty.
    const Rect box = used == 1 ? extent_of(plan, canvas) : box_of(plan.regions[i], canvas);
    const auto cells = cells_of(plan.regions[i], box, static_cast<int>(seated.size()));
    for (size_t j = 0; j < cells.size() && j < seated.size(); ++j)
      seats.push_back({seated[j].member, cells[j], static_cast<int>(i)});
  }
  return seats;
}

LayoutCatalog::LayoutCatalog() : plans_{grid_plan(), speaker_plan()} {}

void LayoutCatalog::add(LayoutPlan plan) {
  std::erase_if(plans_, [&](const LayoutPlan& other) { return other.name == plan.name; });
  plans_.push_back(std::move(plan));
}

const LayoutPlan* LayoutCatalog::find(std::string_view name) const {
  const auto found = std::ranges::find(plans_, name, &LayoutPlan::name);
  return found == plans_.end() ? nullptr : &*found;
}

bool LayoutCatalog::knows(std::string_view name) const {
  return name == "auto" || find(name) != nullptr;
}

std::vector<std::string> LayoutCatalog::names() const {
  std::vector<std::string> names{"auto"};
  for (const auto& plan : plans_) names.push_back(plan.name);
  return names;
}

const LayoutPlan& LayoutCatalog::choose(std::string_view name, int members, bool presenting) const {
  if (const auto* plan = find(name)) return *plan;
  const auto fits = [&](const LayoutPlan& plan) {
    if (presenting) return plan.automatic_presentation;
    const auto& range = plan.automatic_members;
    return range && members >= range->first && members <= range->second;
  };
  // The last one that fits: what an operator adds comes after what we ship.
  const auto found = std::find_if(plans_.rbegin(), plans_.rend(), fits);
  return found == plans_.rend() ? *find("grid") : *found;
}

}  // namespace partyline::mixer
