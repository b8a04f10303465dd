// Who gets which encode of which view, and what is done without under overload.
#include <algorithm>
#include <utility>

#include "mixer/video/video_core.hpp"

namespace partyline::mixer {

void VideoCore::add_output(OutputId id, VideoRendition rendition, std::shared_ptr<OutputGate> gate, bool hold_size) {
  if (hold_size) holding_.insert(id);
  auto& entry = renditions_[rendition];
  if (!entry) {
    entry = std::make_shared<Rendition>(rendition, room_.frames_per_second, totals_);
    choose_views();
    economise();
  } else if (hold_size) {
    economise();
  }
  entry->add(id, std::move(gate));
}

void VideoCore::remove_output(OutputId id) {
  for (auto it = renditions_.begin(); it != renditions_.end(); ++it) {
    if (!it->second->remove(id)) continue;
    if (it->second->empty()) {
      renditions_.erase(it);
      choose_views();
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
  if (const core::VideoSize size = shrunk(room_.canvas, now.size_sixths); size != canvas_) {
    canvas_ = size;
    for (const auto& [hidden, view] : views_) view->resize(size);
    arrange_ = true;
  }
  drop_unused_sizes();
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

void VideoCore::await_views(const std::set<uint64_t>& hidden) {
  if (hidden == awaited_) return;
  awaited_ = hidden;
  choose_views();
  drop_unused_sizes();
}

// A view lives as long as somebody sees it or will; the one of everybody stays, and is painted, too, while there is no
// other one.
void VideoCore::choose_views() {
  std::set<uint64_t> seen = awaited_;
  for (const auto& [what, rendition] : renditions_) seen.insert(what.hidden_member);
  std::erase_if(views_, [&](const auto& entry) { return entry.first != 0 && !seen.contains(entry.first); });
  for (const uint64_t hidden : seen) {
    auto& view = views_[hidden];
    if (view) continue;
    view = std::make_unique<View>(room_, canvas_, gallery_, hidden);
    arrange_ = true;
  }
  std::vector<View*> live;
  for (const auto& [hidden, view] : views_) {
    if (hidden != 0 || seen.contains(0) || seen.empty()) {
      live.push_back(view.get());
    } else {
      view->rest();
    }
  }
  arrange_ = arrange_ || live != live_;
  live_ = std::move(live);
}

void VideoCore::drop_unused_sizes() {
  for (const auto& [hidden, view] : views_) {
    std::vector<core::VideoSize> sizes;
    for (const auto& [what, rendition] : renditions_)
      if (what.hidden_member == hidden) sizes.push_back(rendition->size());
    view->keep_sizes(sizes);
  }
}

}  // namespace partyline::mixer
