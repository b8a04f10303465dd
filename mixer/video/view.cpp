#include "mixer/video/view.hpp"

#include <algorithm>
#include <utility>

#include "mixer/video/paint.hpp"

namespace partyline::mixer {

View::View(const RoomConfig& room, core::VideoSize canvas, Gallery& gallery, uint64_t hidden)
    : room_(room), gallery_(gallery), hidden_(hidden), fade_(room.cross_fade), canvas_(canvas) {}

void View::hear(std::span<const Voice> talking, core::TimePoint now) {
  std::vector<Voice> heard(talking.begin(), talking.end());
  std::erase_if(heard, [this](const Voice& voice) { return hides(voice.member); });
  const std::optional<uint64_t> before = speaker_.current();
  if (speaker_.update(heard, now) != before) unseated_ = unseated_ || speaker_has_a_seat_;
}

void View::forget(const Tile& tile) {
  speaker_.forget(tile.member);
  lost_ = std::erase_if(places_, [&](const Place& place) { return place.tile == &tile; }) > 0 || lost_;
}

void View::arrange(const Tiles& tiles, const LayoutCatalog& layouts, std::string_view layout, bool may_fade,
                   core::TimePoint now) {
  unseated_ = false;
  std::vector<Guest> guests;
  for (const auto& tile : tiles)
    if (tile->visible && !hides(tile->member)) guests.push_back({tile->member, tile->pinned, tile->presenting});
  const bool presenting = std::ranges::any_of(guests, &Guest::presenting);
  const LayoutPlan& plan = layouts.choose(layout, static_cast<int>(guests.size()), presenting);
  const std::vector<Seat> seats = take_seats(plan, canvas_.size(), guests, speaker_.current());
  speaker_has_a_seat_ =
      seats.size() < guests.size() || std::ranges::any_of(plan.regions, [](const LayoutRegion& region) {
        return region.role != LayoutRegion::Role::anybody;
      });
  // The canvas is still the picture before the change.
  const bool changed = seat(tiles, seats);
  if (changed && lit_ && !blank_ && may_fade) fade_.start(canvas_, now);
  blank_ = blank_ || changed;
}

// True: it is another arrangement.
bool View::seat(const Tiles& tiles, std::span<const Seat> seats) {
  std::vector<Place> places;
  places.reserve(seats.size());
  for (const auto& tile : tiles) {
    const auto found = std::ranges::find(seats, tile->member, &Seat::member);
    if (found == seats.end()) continue;
    // What has been drawn for it stays until there is something better.
    const auto old = std::ranges::find(places_, tile.get(), &Place::tile);
    Place& place = old == places_.end() ? places.emplace_back() : places.emplace_back(*old);
    place.tile = tile.get();
    place.cell = found->cell;
    place.layer = found->layer;
  }
  std::ranges::stable_sort(places, {}, &Place::layer);
  const bool same = std::ranges::equal(places, places_, [](const Place& a, const Place& b) {
    return a.tile == b.tile && a.cell == b.cell && a.layer == b.layer;
  });
  places_ = std::move(places);
  find_overlaps();
  return std::exchange(lost_, false) || !same;
}

void View::find_overlaps() {
  for (Place& place : places_) {
    const auto meets = [&](const Place& other) { return overlap(other.cell, place.cell); };
    place.covered =
        std::ranges::any_of(places_, [&](const Place& other) { return other.layer > place.layer && meets(other); });
    place.framed = background_ || std::ranges::any_of(places_, [&](const Place& other) {
                     return other.layer < place.layer && meets(other);
                   });
  }
}

std::optional<core::VideoSize> View::size_of(uint64_t member) const {
  const auto place = std::ranges::find(places_, member, [](const Place& p) { return p.tile->member; });
  if (place == places_.end()) return std::nullopt;
  return core::VideoSize{place->cell.width, place->cell.height};
}

void View::rest() {
  lit_ = false;
  fade_.stop();
}

void View::resize(core::VideoSize canvas) {
  if (canvas == canvas_.size()) return;
  canvas_ = I420Image(canvas);
  slate_.reset();
  logo_at_.reset();
  fade_.stop();
  blank_ = true;
}

I420Image View::picture_for(core::VideoSize size) {
  if (size == canvas_.size()) return canvas();
  Scaled& scaled = scaled_[size];
  if (scaled.image.size() != size) {
    scaled.image = I420Image(size);
    scaled.area = fit_into({0, 0, size.width, size.height}, canvas_.size());
    fill(scaled.image, {0, 0, size.width, size.height}, to_yuv(kBackground));
  }
  if (scaled.version != version_) {
    draw(scaled.image, canvas().view(), scaled.area);
    scaled.version = version_;
  }
  return scaled.image;
}

void View::keep_sizes(std::span<const core::VideoSize> sizes) {
  std::erase_if(scaled_, [&](const auto& entry) { return std::ranges::find(sizes, entry.first) == sizes.end(); });
}

}  // namespace partyline::mixer
