// Who gets which encode of which view, and what is done without under overload.
#include <algorithm>
#include <utility>

#include "mixer/video/video_core.hpp"

namespace partyline::mixer {

void VideoCore::add_output(OutputId id, VideoRendition rendition, std::shared_ptr<OutputGate> gate) {
  auto& entry = renditions_[rendition];
  if (!entry) {
    entry = std::make_shared<Rendition>(rendition, room_.frames_per_second, totals_);
    choose_views();
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

// A view lives as long as somebody sees it; the one of everybody stays, and is painted, too, while nothing is encoded
// yet.
void VideoCore::choose_views() {
  const auto seen = [&](uint64_t hidden) {
    return std::ranges::any_of(renditions_, [&](const auto& entry) { return entry.first.hidden_member == hidden; });
  };
  std::erase_if(views_, [&](const auto& entry) { return entry.first != 0 && !seen(entry.first); });
  for (const auto& [what, rendition] : renditions_) {
    auto& view = views_[what.hidden_member];
    if (view) continue;
    view = std::make_unique<View>(room_, canvas_, gallery_, what.hidden_member);
    arrange_ = true;
  }
  std::vector<View*> live;
  for (const auto& [hidden, view] : views_) {
    if (hidden != 0 || seen(0) || renditions_.empty()) {
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
