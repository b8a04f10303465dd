// What must be painted again, and in which order: ground, tiles bottom to top, logo.
#include <utility>

#include "mixer/video/paint.hpp"
#include "mixer/video/video_core.hpp"

namespace partyline::mixer {
namespace {

bool overlap(const Rect& a, const Rect& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

}  // namespace

void VideoCore::paint(core::TimePoint now) {
  hang_decor();
  if (shown_count_ == 0) return paint_empty();
  slate_.reset();
  if (blank_) {
    paint_ground();
    for (const auto& tile : tiles_) tile->stale = true;
    ++canvas_version_;
    blank_ = false;
  }
  for (Tile* const tile : painted_) {
    if (tile->may_show_video() && tile->feed) {
      if (std::optional<Picture> due = tile->feed->take_due(now, interval_ / 2)) {
        tile->picture = std::move(*due);
        tile->fresh = true;
      }
    }
    const bool new_art = refresh_art(*tile);
    if (!new_art && !tile->fresh && !tile->stale) continue;
    paint_tile(*tile);
    uncover(*tile);
    ++tiles_painted_;
    ++canvas_version_;
  }
}

// What lies above has been painted over.
void VideoCore::uncover(const Tile& painted) {
  for (Tile* const tile : painted_)
    if (tile->layer > painted.layer && overlap(*tile->cell, *painted.cell)) tile->stale = true;
}

void VideoCore::hang_decor() {
  if (!room_.decor) return;
  const auto look = [this](ArtPtr& have, ArtKind kind) {
    ArtPtr found = gallery_.find({kind, {}, false, canvas_.size()});
    if (found == have) return;
    have = std::move(found);
    blank_ = true;
  };
  if (room_.decor->background) look(background_, ArtKind::background);
  if (room_.decor->logo) look(logo_, ArtKind::logo);
}

void VideoCore::paint_ground() {
  const Rect all{0, 0, canvas_.size().width, canvas_.size().height};
  if (background_) {
    draw(canvas_, background_->image.view(), all);
  } else {
    fill(canvas_, all, to_yuv(kBackground));
  }
  stamp_logo(all);
}

// Above everything; only where something has been painted anew, for it is blended.
void VideoCore::stamp_logo(const Rect& area) {
  if (!logo_) return;
  for (const Sprite& sprite : logo_->sprites) blend_part(canvas_, sprite, area);
}

void VideoCore::paint_empty() {
  ArtPtr slate = gallery_.find({ArtKind::slate, room_.name, false, canvas_.size()});
  if (slate == slate_ && !blank_) return;
  slate_ = std::move(slate);
  const Rect all{0, 0, canvas_.size().width, canvas_.size().height};
  if (slate_) {
    draw(canvas_, slate_->image.view(), all);
  } else {
    fill(canvas_, all, to_yuv(kBackground));
  }
  stamp_logo(all);
  blank_ = false;
  ++canvas_version_;
}

bool VideoCore::refresh_art(Tile& tile) {
  const core::VideoSize size{tile.cell->width, tile.cell->height};
  bool changed = false;
  // While a piece is being drawn, the one before stays, unless the cell has changed under it.
  const auto look = [&](ArtPtr& have, const ArtKey& key) {
    ArtPtr found = gallery_.find(key);
    if (found == have || (!found && !tile.stale)) return;
    have = std::move(found);
    changed = true;
  };
  look(tile.label, {ArtKind::label, tile.name, tile.audio_muted, size});
  if (size == canvas_.size()) {  // alone: the picture goes to the rim
    tile.edge.reset();
  } else {
    look(tile.edge, {ArtKind::edge, {}, tile.speaking, size});
  }
  if (tile.picture) {
    tile.placeholder.reset();
  } else {
    look(tile.placeholder, {ArtKind::placeholder, tile.name, false, size});
  }
  return changed;
}

void VideoCore::paint_tile(Tile& tile) {
  const Rect& cell = *tile.cell;
  if (tile.picture) {
    draw_fitted(canvas_, tile.picture, cell, to_yuv(kTileBackground));
  } else if (tile.placeholder) {
    draw(canvas_, tile.placeholder->image.view(), cell);
  } else {
    fill(canvas_, cell, to_yuv(kTileBackground));
  }
  for (const ArtPtr& art : {tile.edge, tile.label}) {
    if (!art) continue;
    for (const Sprite& sprite : art->sprites) blend(canvas_, sprite, cell);
  }
  stamp_logo(cell);
  tile.fresh = tile.stale = false;
}

}  // namespace partyline::mixer
