#include "mixer/video/video_core.hpp"

#include <algorithm>
#include <utility>

namespace partyline::mixer {
namespace {

// Some telephones send a picture of their own with one frame a second.
constexpr core::Duration kPictureLife = std::chrono::seconds(3);

core::VideoSize sane_canvas(core::VideoSize size) {
  const auto sane = [](int side) { return std::clamp(side, 64, 4096) & ~1; };
  return {sane(size.width), sane(size.height)};
}

}  // namespace

VideoCore::VideoCore(RoomConfig room, std::shared_ptr<const LayoutCatalog> layouts)
    : room_(std::move(room)),
      layouts_(layouts ? std::move(layouts) : std::make_shared<const LayoutCatalog>()),
      layout_(room_.layout),
      canvas_(sane_canvas(room_.canvas)) {
  room_.canvas = canvas_;
  room_.frames_per_second = std::clamp(room_.frames_per_second, 1, 60);
  views_[0] = std::make_unique<View>(room_, canvas_, gallery_, 0);
  choose_views();
  economise();
}

Tile* VideoCore::find(uint64_t member) {
  const auto found =
      std::find_if(tiles_.begin(), tiles_.end(), [member](const auto& tile) { return tile->member == member; });
  return found == tiles_.end() ? nullptr : found->get();
}

void VideoCore::add_tile(uint64_t member, std::string name, bool visible, std::shared_ptr<PictureFeed> feed) {
  if (find(member)) return;
  auto tile = std::make_unique<Tile>();
  tile->member = member;
  tile->name = std::move(name);
  tile->visible = visible;
  tile->feed = std::move(feed);
  if (!active() && tile->feed) tile->feed->set_shown_size({});
  tiles_.push_back(std::move(tile));
  arrange_ = true;
}

void VideoCore::remove_tile(uint64_t member, core::TimePoint now) {
  Tile* tile = find(member);
  if (!tile) return;
  want(*tile, false, now);
  for (const auto& [hidden, view] : views_) view->forget(*tile);
  std::erase_if(tiles_, [member](const auto& t) { return t->member == member; });
  arrange_ = true;
}

void VideoCore::set_name(uint64_t member, std::string name) {
  if (Tile* tile = find(member)) tile->name = std::move(name);
}

void VideoCore::set_video_expected(uint64_t member, bool expected) {
  Tile* tile = find(member);
  if (!tile) return;
  tile->expected = expected;
  cover(*tile);
}

void VideoCore::set_video_muted(uint64_t member, bool muted) {
  Tile* tile = find(member);
  if (!tile) return;
  tile->video_muted = muted;
  cover(*tile);
}

void VideoCore::cover(Tile& tile) {
  if (tile.feed && !tile.may_show_video()) tile.feed->note_pause();
  arrange_ = true;
}

void VideoCore::set_audio_muted(uint64_t member, bool muted) {
  if (Tile* tile = find(member)) tile->audio_muted = muted;
}

void VideoCore::set_self_muted(uint64_t member, bool muted) {
  if (Tile* tile = find(member)) tile->self_muted = muted;
}

void VideoCore::set_speech(uint64_t member, Speech speech, core::TimePoint now) {
  Tile* tile = find(member);
  if (!tile) return;
  if (!tile->speaking()) tile->speaking_since = now;
  tile->speech = speech;
}

void VideoCore::set_pinned(uint64_t member, bool pinned) {
  Tile* tile = find(member);
  if (!tile || tile->pinned == pinned) return;
  tile->pinned = pinned;
  arrange_ = true;
}

void VideoCore::set_presenting(uint64_t member, bool presenting) {
  Tile* tile = find(member);
  if (!tile || tile->presenting == presenting) return;
  tile->presenting = presenting;
  arrange_ = true;
}

void VideoCore::set_layout(std::string layout) {
  arrange_ = arrange_ || layout_ != layout;
  layout_ = std::move(layout);
}

bool VideoCore::mixes() const {
  return std::ranges::any_of(renditions_, [](const auto& entry) { return entry.first.codec != core::Codec::jpeg; });
}

std::optional<uint64_t> VideoCore::sole_picture(std::optional<uint64_t> viewer, bool pairs) const {
  if (layout_ != "auto") return std::nullopt;
  const Tile* other = nullptr;
  size_t visible = 0;
  for (const auto& tile : tiles_) {
    visible += tile->visible ? 1 : 0;
    if (tile->visible && tile->member != viewer) other = tile.get();
  }
  const bool pair = pairs && tiles_.size() == 2 && visible == 2 && viewer && other &&
                    std::ranges::any_of(tiles_, [&](const auto& tile) { return tile->member == viewer; });
  if (!other || !(visible == 1 || pair) || !other->may_show_video() || other->off) return std::nullopt;
  return other->member;
}

bool VideoCore::may_be_shown(uint64_t member) const {
  return std::ranges::any_of(
      tiles_, [member](const auto& tile) { return tile->member == member && tile->visible && tile->may_show_video(); });
}

bool VideoCore::settled() const {
  return !arrange_ && gallery_.complete() && std::ranges::all_of(tiles_, [](const auto& tile) {
    return !tile->shown || !tile->feed || tile->off || static_cast<bool>(tile->picture);
  });
}

void VideoCore::show_whole(const std::set<uint64_t>& members) {
  if (members == whole_) return;
  for (const auto& tile : tiles_) {
    if (!tile->feed || members.contains(tile->member) == whole_.contains(tile->member)) continue;
    if (members.contains(tile->member)) tile->feed->set_shown_size(room_.canvas);
    if (!active() && whole_.contains(tile->member)) tile->feed->set_shown_size({});
  }
  whole_ = members;
  arrange_ = true;
}

void VideoCore::rest(core::TimePoint now) {
  for (const auto& tile : tiles_) {
    want(*tile, false, now);
    if (tile->feed && !whole_.contains(tile->member)) tile->feed->set_shown_size({});
  }
  for (const auto& [hidden, view] : views_) view->rest();
  arrange_ = true;
}

void VideoCore::hear(core::TimePoint now) {
  std::vector<const Tile*> talking;
  for (const auto& tile : tiles_) {
    if (tile->visible && tile->speaking()) talking.push_back(tile.get());
  }
  std::stable_sort(talking.begin(), talking.end(),
                   [](const Tile* a, const Tile* b) { return a->speaking_since < b->speaking_since; });
  std::vector<Voice> voices;
  for (const Tile* tile : talking) voices.push_back({tile->member, tile->speech});
  for (View* const view : live_) {
    view->hear(voices, now);
    arrange_ = arrange_ || view->unseated();
  }
}

void VideoCore::want(Tile& tile, bool wanted, core::TimePoint now) {
  tile.shown = wanted;
  if (tile.feed) tile.feed->set_wanted(wanted, now);
  // What comes after a pause starts with the name tile, not with a picture from before it.
  if (!wanted) drop_picture(tile);
}

void VideoCore::drop_picture(Tile& tile) {
  if (!tile.picture) return;
  tile.picture = {};
  ++tile.pictures;
}

void VideoCore::watch_senders(core::TimePoint now) {
  for (const auto& tile : tiles_) {
    if (!tile->feed) continue;
    if (!tile->watched_since) tile->watched_since = now;
    const std::optional<core::TimePoint> sent = tile->feed->last_sent();
    const bool quiet = now - sent.value_or(*tile->watched_since) >= kPictureLife;
    if (quiet && !std::exchange(tile->quiet, quiet)) tile->feed->note_pause();
    tile->quiet = quiet;
    const bool off = quiet && !(sent && tile->presenting);
    switched_ = switched_ || off != tile->off;
    tile->off = off;
    if (off) drop_picture(*tile);
  }
}

void VideoCore::arrange(core::TimePoint now) {
  arrange_ = false;
  // Under overload a cut is cheaper.
  const bool may_fade = economy_ == Economy{};
  for (View* const view : live_) view->arrange(tiles_, *layouts_, layout_, may_fade, now);
  for (const auto& tile : tiles_) {
    core::VideoSize size{};
    for (const View* const view : live_) {
      const auto shown = tile->may_show_video() ? view->size_of(tile->member) : std::nullopt;
      if (shown && shown->width > size.width) size = *shown;
    }
    if (tile->feed) tile->feed->set_shown_size(whole_.contains(tile->member) ? room_.canvas : size);
    want(*tile, size.width > 0, now);
  }
}

void VideoCore::take_pictures(core::TimePoint now) {
  for (const auto& tile : tiles_) {
    if (!tile->shown || !tile->feed) continue;
    if (std::optional<Picture> due = tile->feed->take_due(now, interval_ / 2)) {
      tile->picture = std::move(*due);
      ++tile->pictures;
    }
  }
}

std::vector<EncodeJob> VideoCore::tick(core::TimePoint now) {
  hear(now);
  if (arrange_) arrange(now);
  take_pictures(now);
  watch_senders(now);
  for (size_t i = 0; i < live_.size(); ++i) {
    live_[i]->paint(std::span<const View* const>(live_.data(), i), now);
    if (active()) live_[i]->light();
  }
  if (!origin_) origin_ = now;
  const uint64_t index = ticks_++;
  std::vector<EncodeJob> jobs;
  for (const auto& [what, rendition] : renditions_) {
    View& view = *views_.at(what.hidden_member);
    if (rendition->wants_tick(index) && !rendition->may_skip(view.version(), now))
      jobs.push_back(rendition->make_job(rendition, view.picture_for(rendition->size()), *origin_, now));
  }
  return jobs;
}

uint64_t VideoCore::count(uint64_t (View::*figure)() const) const {
  uint64_t sum = 0;
  for (const auto& [hidden, view] : views_) sum += ((*view).*figure)();
  return sum;
}

}  // namespace partyline::mixer
