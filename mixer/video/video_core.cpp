#include "mixer/video/video_core.hpp"

#include <algorithm>
#include <utility>

#include "mixer/video/paint.hpp"

namespace partyline::mixer {
namespace {

core::VideoSize sane_canvas(core::VideoSize size) {
  const auto sane = [](int side) { return std::clamp(side, 64, 4096) & ~1; };
  return {sane(size.width), sane(size.height)};
}

}  // namespace

VideoCore::VideoCore(RoomConfig room, std::shared_ptr<const LayoutCatalog> layouts)
    : room_(std::move(room)),
      layouts_(layouts ? std::move(layouts) : std::make_shared<const LayoutCatalog>()),
      layout_(room_.layout),
      fade_(room_.cross_fade),
      canvas_(sane_canvas(room_.canvas)) {
  room_.canvas = canvas_.size();
  room_.frames_per_second = std::clamp(room_.frames_per_second, 1, 60);
  economise();
}

VideoCore::Tile* VideoCore::find(uint64_t member) {
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
  tiles_.push_back(std::move(tile));
  arrange_ = true;
}

void VideoCore::remove_tile(uint64_t member, core::TimePoint now) {
  Tile* tile = find(member);
  if (!tile) return;
  want(*tile, false, now);
  speaker_.forget(member);
  std::erase(painted_, tile);
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
  arrange_ = true;
}

void VideoCore::set_video_muted(uint64_t member, bool muted) {
  Tile* tile = find(member);
  if (!tile) return;
  tile->video_muted = muted;
  arrange_ = true;
}

void VideoCore::set_audio_muted(uint64_t member, bool muted) {
  if (Tile* tile = find(member)) tile->audio_muted = muted;
}

void VideoCore::set_speaking(uint64_t member, bool speaking, core::TimePoint now) {
  Tile* tile = find(member);
  if (!tile || tile->speaking == speaking) return;
  tile->speaking = speaking;
  tile->speaking_since = now;
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

void VideoCore::add_output(OutputId id, VideoRendition rendition, std::shared_ptr<OutputGate> gate) {
  auto& entry = renditions_[rendition];
  if (!entry) {
    entry = std::make_shared<Rendition>(rendition, room_.frames_per_second, totals_);
    economise();
  }
  entry->add(id, std::move(gate));
}

void VideoCore::remove_output(OutputId id) {
  for (auto it = renditions_.begin(); it != renditions_.end(); ++it) {
    if (!it->second->remove(id)) continue;
    if (it->second->empty()) {
      renditions_.erase(it);
      drop_unused_sizes();
    }
    if (holding_.erase(id) > 0) economise();
    return;
  }
}

void VideoCore::request_keyframe(OutputId id) {
  for (const auto& [what, rendition] : renditions_) {
    if (rendition->has(id)) rendition->request_keyframe();
  }
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
  if (!other || !(visible == 1 || pair) || !other->may_show_video()) return std::nullopt;
  return other->member;
}

bool VideoCore::may_be_shown(uint64_t member) const {
  return std::ranges::any_of(
      tiles_, [member](const auto& tile) { return tile->member == member && tile->visible && tile->may_show_video(); });
}

bool VideoCore::settled() const {
  return !arrange_ && std::ranges::all_of(painted_, [](const Tile* tile) {
    return !tile->may_show_video() || !tile->feed || static_cast<bool>(tile->picture);
  });
}

void VideoCore::hold_size(OutputId id) {
  const bool known = std::ranges::any_of(renditions_, [id](const auto& entry) { return entry.second->has(id); });
  if (known && holding_.insert(id).second) economise();
}

void VideoCore::set_economy(const Economy& economy) {
  if (economy == economy_) return;
  economy_ = economy;
  economise();
}

void VideoCore::economise() {
  constexpr int kLeastRate = 5;
  Economy now = economy_;
  if (!holding_.empty()) now.size_sixths = 6;
  const int full = room_.frames_per_second;
  const int rate = std::min(full, std::max(full / now.rate_divisor, kLeastRate));
  interval_ = std::chrono::duration_cast<core::Duration>(std::chrono::seconds(1)) / rate;
  for (const auto& [what, rendition] : renditions_) rendition->set_economy(now, rate);
  if (const core::VideoSize size = shrunk(room_.canvas, now.size_sixths); size != canvas_.size()) {
    canvas_ = I420Image(size);
    slate_.reset();
    fade_.stop();
    arrange_ = blank_ = true;
  }
  drop_unused_sizes();
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

void VideoCore::set_output_target(OutputId id, core::Bitrate target) {
  for (const auto& [what, rendition] : renditions_) rendition->set_target(id, target);
}

std::optional<core::Bitrate> VideoCore::output_bitrate(OutputId id) const {
  for (const auto& [what, rendition] : renditions_) {
    if (rendition->has(id)) return rendition->bitrate();
  }
  return std::nullopt;
}

int VideoCore::output_count() const {
  size_t count = 0;
  for (const auto& [what, rendition] : renditions_) count += rendition->output_count();
  return static_cast<int>(count);
}

void VideoCore::rest(core::TimePoint now) {
  for (const auto& tile : tiles_) want(*tile, false, now);
  arrange_ = true;
  lit_ = false;
  fade_.stop();
}

void VideoCore::update_speaker(core::TimePoint now) {
  std::vector<const Tile*> talking;
  for (const auto& tile : tiles_) {
    if (tile->visible && tile->speaking) talking.push_back(tile.get());
  }
  std::stable_sort(talking.begin(), talking.end(),
                   [](const Tile* a, const Tile* b) { return a->speaking_since < b->speaking_since; });
  std::vector<uint64_t> ids;
  for (const Tile* tile : talking) ids.push_back(tile->member);
  const std::optional<uint64_t> before = speaker_.current();
  if (speaker_.update(ids, now) == before) return;
  arrange_ = arrange_ || speaker_has_a_seat_;
}

void VideoCore::want(Tile& tile, bool wanted, core::TimePoint now) {
  if (tile.feed) tile.feed->set_wanted(wanted, now);
  // What comes after a pause starts with the name tile, not with a picture from before it.
  if (!wanted && tile.picture) {
    tile.picture = {};
    tile.stale = true;
  }
}

void VideoCore::arrange(core::TimePoint now) {
  arrange_ = false;
  std::vector<Guest> guests;
  for (const auto& tile : tiles_)
    if (tile->visible) guests.push_back({tile->member, tile->pinned, tile->presenting});
  const bool presenting = std::ranges::any_of(guests, &Guest::presenting);
  const LayoutPlan& plan = layouts_->choose(layout_, static_cast<int>(guests.size()), presenting);
  const std::vector<Seat> seats = take_seats(plan, canvas_.size(), guests, speaker_.current());
  speaker_has_a_seat_ =
      seats.size() < guests.size() || std::ranges::any_of(plan.regions, [](const LayoutRegion& region) {
        return region.role != LayoutRegion::Role::anybody;
      });
  const auto count = static_cast<int>(seats.size());
  bool moved = false;
  painted_.clear();
  for (const auto& tile : tiles_) {
    const auto seat = std::ranges::find(seats, tile->member, &Seat::member);
    const bool seated = seat != seats.end();
    const std::optional<Rect> cell = seated ? std::optional(seat->cell) : std::nullopt;
    const int layer = seated ? seat->layer : 0;
    moved = moved || cell != tile->cell || layer != tile->layer;
    tile->cell = cell;
    tile->layer = layer;
    if (seated) painted_.push_back(tile.get());
    const bool shows = seated && tile->may_show_video();
    const core::VideoSize size = shows ? core::VideoSize{cell->width, cell->height} : core::VideoSize{};
    if (tile->feed) tile->feed->set_shown_size(whole_.contains(tile->member) ? room_.canvas : size);
    want(*tile, shows, now);
  }
  std::ranges::stable_sort(painted_, {}, &Tile::layer);
  // Somebody may have left without moving anybody.
  const bool changed = moved || count != shown_count_;
  // Under overload a cut is cheaper.
  if (changed && lit_ && !blank_ && economy_ == Economy{}) fade_.start(canvas_, now);
  blank_ = blank_ || changed || count == 0;
  shown_count_ = count;
}

std::vector<EncodeJob> VideoCore::tick(core::TimePoint now) {
  update_speaker(now);
  if (arrange_) arrange(now);
  paint(now);
  if (fade_.advance(canvas_, now)) ++canvas_version_;
  lit_ = active();
  if (!origin_) origin_ = now;
  const uint64_t index = ticks_++;
  std::vector<EncodeJob> jobs;
  for (const auto& [what, rendition] : renditions_) {
    if (rendition->wants_tick(index) && !rendition->may_skip(canvas_version_, now))
      jobs.push_back(rendition->make_job(rendition, picture_for(rendition->size()), *origin_, now));
  }
  return jobs;
}

I420Image VideoCore::picture_for(core::VideoSize size) {
  if (size == canvas_.size()) return canvas();
  Scaled& scaled = scaled_[size];
  if (scaled.image.size() != size) {
    scaled.image = I420Image(size);
    scaled.area = fit_into({0, 0, size.width, size.height}, canvas_.size());
    fill(scaled.image, {0, 0, size.width, size.height}, to_yuv(kBackground));
  }
  if (scaled.version != canvas_version_) {
    draw(scaled.image, canvas().view(), scaled.area);
    scaled.version = canvas_version_;
  }
  return scaled.image;
}

void VideoCore::drop_unused_sizes() {
  std::erase_if(scaled_, [this](const auto& entry) {
    return std::none_of(renditions_.begin(), renditions_.end(),
                        [&](const auto& rendition) { return rendition.second->size() == entry.first; });
  });
}

}  // namespace partyline::mixer
