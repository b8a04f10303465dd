// What must be painted again, and in which order: ground, places bottom to top, logo.
#include <algorithm>
#include <ranges>
#include <utility>

#include "mixer/video/paint.hpp"
#include "mixer/video/view.hpp"

namespace partyline::mixer {
namespace {

Rect moved(const Rect& area, const Rect& cell) {
  return {cell.x + area.x, cell.y + area.y, area.width, area.height};
}

Rect area_of(const Sprite& sprite) {
  return {sprite.x, sprite.y, sprite.image.size().width, sprite.image.size().height};
}

}  // namespace

void View::paint(std::span<const View* const> painted, core::TimePoint now) {
  hang_decor();
  if (places_.empty()) {
    paint_empty();
  } else {
    slate_.reset();
    if (std::exchange(blank_, false)) paint_ground();
    for (Place& place : places_) {
      const bool new_art = refresh_art(place);
      if (!new_art && !place.stale && place.pictures == place.tile->pictures) continue;
      paint_place(place, painted);
      ++version_;
    }
  }
  lay_logo();
  if (fade_.advance(canvas_, now)) ++version_;
}

// What lies above, and above that, is painted again; the edges of it that show what is below are taken away before that
// changes, those on top first.
void View::uncover(const Place& painted) {
  above_.clear();
  for (Place& place : places_) {
    const auto lies_on = [&](const Place* other) {
      return place.layer > other->layer && overlap(place.cell, other->cell);
    };
    if (!place.stale && (lies_on(&painted) || std::ranges::any_of(above_, lies_on))) above_.push_back(&place);
  }
  for (Place* place : std::views::reverse(above_)) {
    if (place->framed) restore_ground(*place);
    place->stale = true;
  }
}

void View::hang_decor() {
  if (!room_.decor) return;
  const auto look = [this](ArtPtr& have, ArtKind kind) {
    ArtPtr found = gallery_.find({kind, {}, false, canvas_.size()});
    // While one of another size is being drawn, the one before is scaled; a logo's place is of its size.
    if (found == have || (!found && kind == ArtKind::background)) return false;
    have = std::move(found);
    blank_ = true;
    return true;
  };
  if (room_.decor->background && look(background_, ArtKind::background)) find_overlaps();
  if (room_.decor->logo && look(logo_, ArtKind::logo)) logo_at_.reset();
}

void View::paint_ground() {
  logo_at_.reset();
  const Rect all{0, 0, canvas_.size().width, canvas_.size().height};
  if (background_) {
    draw(canvas_, background_->image.view(), all);
  } else {
    fill(canvas_, all, to_yuv(kBackground));
  }
  for (Place& place : places_) place.stale = true;
  ++version_;
}

void View::paint_empty() {
  ArtPtr slate = gallery_.find({ArtKind::slate, room_.name, false, canvas_.size()});
  if (slate == slate_ && !blank_) return;
  slate_ = std::move(slate);
  if (slate_) {
    logo_at_.reset();
    draw(canvas_, slate_->image.view(), {0, 0, canvas_.size().width, canvas_.size().height});
  } else {
    paint_ground();
  }
  blank_ = false;
  ++version_;
}

// It is blended, so what lies below must be as it was before the logo whenever something of it is painted.
void View::lift_logo() {
  if (logo_at_) draw(canvas_, below_logo_.view(), *logo_at_);
  logo_at_.reset();
}

void View::lay_logo() {
  if (logo_at_ || !has_logo()) return;
  const Sprite& sprite = logo_->sprites.front();
  const Rect area = area_of(sprite);
  take(below_logo_, canvas_, area);
  blend(canvas_, sprite, {0, 0, canvas_.size().width, canvas_.size().height});
  logo_at_ = area;
}

bool View::refresh_art(Place& place) {
  const Tile& tile = *place.tile;
  const core::VideoSize size{place.cell.width, place.cell.height};
  bool changed = false;
  // While a piece is being drawn, the one before stays, unless the cell has changed under it.
  const auto look = [&](ArtPtr& have, const ArtKey& key) {
    ArtPtr found = gallery_.find(key);
    if (found == have || (!found && !place.stale)) return;
    have = std::move(found);
    changed = true;
  };
  look(place.label, {ArtKind::label, tile.name, tile.inaudible(), size});
  if (size == canvas_.size()) {  // alone: the picture goes to the rim
    place.edge.reset();
  } else {
    look(place.edge, {place.framed ? ArtKind::frame : ArtKind::edge, {}, tile.speaking(), size});
  }
  if (tile.picture) {
    place.placeholder.reset();
  } else {
    look(place.placeholder, {ArtKind::placeholder, tile.name, false, size});
  }
  return changed;
}

void View::paint_place(Place& place, std::span<const View* const> painted) {
  lift_logo();
  uncover(place);
  if (place.framed && place.stale) keep_ground(place);
  std::optional<I420View> ready;
  for (size_t i = 0; i < painted.size() && !ready && plain(place); ++i) ready = painted[i]->offer(place);
  if (ready) {
    draw(canvas_, *ready, place.cell);
    ++cells_copied_;
  } else {
    if (place.tile->picture) {
      draw_fitted(canvas_, place.tile->picture, place.cell, to_yuv(kTileBackground));
    } else if (place.placeholder) {
      draw(canvas_, place.placeholder->image.view(), place.cell);
    } else {
      fill(canvas_, place.cell, to_yuv(kTileBackground));
    }
    paint_edge(place);
    if (place.label)
      for (const Sprite& sprite : place.label->sprites) blend(canvas_, sprite, place.cell);
  }
  place.pictures = place.tile->pictures;
  place.stale = false;
  ++cells_painted_;
}

void View::paint_edge(Place& place) {
  if (!place.edge) return;
  const auto& sprites = place.edge->sprites;
  size_t i = 0;
  if (place.framed) {
    for (; i < std::min(sprites.size(), place.below.size()); ++i)
      blend(canvas_, place.below[i].view(), sprites[i].alpha, moved(area_of(sprites[i]), place.cell));
  }
  for (; i < sprites.size(); ++i) blend(canvas_, sprites[i], place.cell);
}

// The canvas under its edge, while there is nothing of it on the canvas.
void View::keep_ground(Place& place) {
  const auto parts = edge_parts({place.cell.width, place.cell.height});
  for (size_t i = 0; i < parts.size(); ++i) take(place.below[i], canvas_, moved(parts[i], place.cell));
}

void View::restore_ground(const Place& place) {
  const auto parts = edge_parts({place.cell.width, place.cell.height});
  for (size_t i = 0; i < parts.size(); ++i) draw(canvas_, place.below[i].view(), moved(parts[i], place.cell));
}

// Nothing in its cell but what belongs to it.
bool View::plain(const Place& place) const {
  return !place.framed && !place.covered && !(has_logo() && overlap(area_of(logo_->sprites.front()), place.cell));
}

std::optional<I420View> View::offer(const Place& wanted) const {
  const auto place = std::ranges::find(places_, wanted.tile, &Place::tile);
  if (place == places_.end() || place->stale || place->pictures != wanted.tile->pictures || !plain(*place) ||
      place->cell.width != wanted.cell.width || place->cell.height != wanted.cell.height ||
      place->label != wanted.label || place->edge != wanted.edge || place->placeholder != wanted.placeholder)
    return std::nullopt;
  return part_of(canvas_.view(), place->cell);
}

}  // namespace partyline::mixer
