// What is seen of a room: its picture, its layout and who changes it, who is spared himself.
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/log.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/own_views.hpp"
#include "gateway/room.hpp"
#include "mixer/video/layout_plan.hpp"

namespace partyline::gateway {

using core::ErrorCode;
using core::make_error;
using core::Result;

mixer::VideoRendition Room::picture() const {
  const auto& rooms = services_.config->rooms;
  mixer::VideoRendition rendition;
  rendition.codec = core::Codec::h264;
  rendition.size = {rooms.width, rooms.height};
  rendition.frames_per_second = rooms.frames_per_second;
  rendition.bitrate = core::Bitrate::kbps(rooms.video_kbps);
  return rendition;
}

Result<uint64_t> Room::add_still(core::VideoSize size, std::shared_ptr<core::FrameSink> sink) {
  if (!mixer_) return make_error(ErrorCode::conflict, fmt::format("room {} is not mixed: nobody needs its mix", name_));
  auto rendition = picture();
  rendition.codec = core::Codec::jpeg;
  rendition.size = size;
  auto still = mixer_->add_video_output(rendition, std::move(sink), {.may_wait = true});
  if (!still) return still.error();
  stills_.emplace(++last_still_, *still);
  return last_still_;
}

void Room::remove_still(uint64_t still) {
  const auto found = stills_.find(still);
  if (found == stills_.end()) return;
  mixer_->remove_output(found->second);
  stills_.erase(found);
}

Result<> Room::set_layout(const std::string& layout) {
  if (!services_.layouts->knows(layout))
    return make_error(ErrorCode::invalid,
                      fmt::format("'layout' must be one of: {}", fmt::join(services_.layouts->names(), ", ")));
  layout_ = layout;
  services_.events->publish("room.layout", {{"room", name_}, {"layout", layout_}});
  if (mixer_) return mixer_->set_layout(layout);
  return {};
}

void Room::on_digit(const std::string& leg, char key, core::TimePoint now) {
  const auto& sequences = services_.config->rooms.dtmf;
  if (sequences.empty() || !legs_.contains(leg)) return;
  const auto layout = keypads_.try_emplace(leg, sequences).first->second.press(key, now);
  if (!layout) return;
  core::log_info("room={} leg={} changes the layout to {}", name_, leg, *layout);
  if (auto done = set_layout(*layout); !done)
    core::log_warn("room={} keeps its layout: {}", name_, done.error().message);
}

void Room::set_self_view(bool self_view) {
  self_view_ = self_view;
  for (const auto& [id, leg] : legs_) {
    LegSettings settings = leg->settings();
    settings.self_view = self_view;
    leg->apply(settings);
  }
}

// Under overload nobody has one: it is the first thing that can be done without.
void Room::allot_own_views(core::TimePoint now) {
  std::vector<std::pair<core::TimePoint, SipLeg*>> phones;
  for (const auto& [id, leg] : legs_)
    if (auto* phone = dynamic_cast<SipLeg*>(leg.get()); phone && phone->picture() && phone->picture()->rendition())
      phones.emplace_back(phone->since(), phone);
  const bool wanted = std::ranges::any_of(phones, [&](const auto& p) { return !p.second->settings().self_view; });
  const bool had = std::ranges::any_of(phones, [](const auto& p) { return p.second->has_own_view(); });
  if (!wanted && !had) return;
  std::ranges::sort(phones);
  const bool overloaded = services_.engine->load().step > 0;
  std::vector<Receiver> receivers;
  for (const auto& [since, phone] : phones)
    receivers.push_back(
        {*phone->picture()->rendition(), !overloaded && phone->may_have_own_view(now) ? phone->member()->id() : 0});
  for (const auto& [stream, push] : pushes_) {
    if (push->picture().rendition()) receivers.push_back({*push->picture().rendition(), 0});
    for (const MixPush::Layer& layer : push->layers())
      if (layer.rendition) receivers.push_back({*layer.rendition, 0});
  }
  if (!outputs_.empty()) receivers.push_back({picture(), 0});
  const std::vector<bool> own = allot_views(receivers);
  for (size_t i = 0; i < phones.size(); ++i) phones[i].second->set_own_view(own[i], now);
}

}  // namespace partyline::gateway
