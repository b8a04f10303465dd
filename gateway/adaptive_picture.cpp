#include "gateway/adaptive_picture.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "gateway/rendition_switch.hpp"

namespace partyline::gateway {
namespace {

core::Counter& counted_switches(bool up) {
  static core::Counter& ups = core::counter("partyline_rendition_switches_total", "direction=\"up\"");
  static core::Counter& downs = core::counter("partyline_rendition_switches_total", "direction=\"down\"");
  return up ? ups : downs;
}

bool same_but_for_the_view(std::vector<mixer::VideoRendition> a, const std::vector<mixer::VideoRendition>& b) {
  if (a.empty() || b.empty()) return false;
  a.front().hidden_member = b.front().hidden_member;
  return a == b;
}

}  // namespace

core::Result<> AdaptivePicture::start(std::vector<mixer::VideoRendition> steps) {
  if (steps == steps_) return {};
  if (same_but_for_the_view(steps, steps_)) return change_view(std::move(steps));
  if (!switch_) {
    switch_ = std::make_shared<RenditionSwitch>(sink_, [executor = executor_, weak = weak_from_this()](uint64_t port) {
      boost::asio::post(executor, [weak, port] {
        if (const auto self = weak.lock()) self->on_switched(port);
      });
    });
  }
  steps_ = std::move(steps);
  std::vector<core::Bitrate> bitrates;
  for (const auto& step : steps_) bitrates.push_back(step.bitrate);
  choice_.emplace(std::move(bitrates));
  // Another codec or size by negotiation: what was sent before may not be decodable any more.
  for (const Output& output : outputs_) mixer_.remove_output(output.id);
  outputs_.clear();
  sent_step_ = 0;
  auto begun = change_to(steps_.front());
  if (!begun) stop();
  return begun;
}

core::Result<> AdaptivePicture::change_view(std::vector<mixer::VideoRendition> steps) {
  if (sent_step_ == 0 && outputs_.size() != 1) return {};
  std::swap(steps_, steps);
  if (sent_step_ != 0) return {};
  auto changed = change_to(steps_.front());
  if (!changed) std::swap(steps_, steps);
  return changed;
}

void AdaptivePicture::stop() {
  for (const Output& output : outputs_) mixer_.remove_output(output.id);
  outputs_.clear();
  steps_.clear();
  choice_.reset();
  rendition_.reset();
  available_.reset();  // of a way that may be another one when it begins again
}

void AdaptivePicture::allow_pass_through(const mixer::Member* viewer, mixer::PassLimits limits) {
  pass_ = Pass{viewer, limits};
  for (const Output& output : outputs_)
    if (output.best) mixer_.allow_pass_through(output.id, viewer, limits);
}

core::Result<> AdaptivePicture::change_to(const mixer::VideoRendition& rendition) {
  const uint64_t port = ++last_port_;
  // Who sees a picture already can wait for one that is as good.
  auto added = mixer_.add_video_output(rendition, switch_->port(port), {.may_wait = !outputs_.empty()});
  if (!added) return added.error();
  const bool best = rendition == steps_.front();
  outputs_.push_back({*added, port, best});
  if (best && pass_) mixer_.allow_pass_through(*added, pass_->viewer, pass_->limits);
  target_ = rendition.bitrate;
  rendition_ = rendition;
  core::log_info("{} gets {} {}x{} at {} fps, {} kbit/s{}", who_, core::name_of(rendition.codec), rendition.size.width,
                 rendition.size.height, rendition.frames_per_second, rendition.bitrate.bits_per_second / 1000,
                 rendition.hidden_member != 0 ? ", without itself" : "");
  return {};
}

void AdaptivePicture::on_switched(uint64_t port) {
  std::erase_if(outputs_, [&](const Output& output) {
    if (output.port < port) mixer_.remove_output(output.id);
    return output.port < port;
  });
}

void AdaptivePicture::set_available(core::Bitrate available, core::TimePoint now) {
  available_ = available;
  check(now);
}

void AdaptivePicture::set_limit(std::optional<core::Bitrate> limit, core::TimePoint now) {
  limit_ = limit;
  check(now);
}

void AdaptivePicture::check(core::TimePoint now) {
  if (!choice_ || outputs_.size() != 1) return;  // one change at a time
  auto available = available_;
  if (limit_ && *limit_ < available.value_or(steps_.front().bitrate)) available = limit_;
  const auto decision = choice_->update(available, now);
  if (decision.step != sent_step_) {
    if (auto changed = change_to(steps_[decision.step]); !changed) {
      if (std::exchange(refused_, decision.step) != decision.step)
        core::log_warn("{} keeps its picture: {}", who_, changed.error().message);
      // Tried again with the next estimate; until then what is sent is made as small as it can be.
    } else {
      ++switches_;
      counted_switches(decision.step < sent_step_).add();
      sent_step_ = decision.step;
      refused_.reset();
    }
  }
  // Said again while it is less: the mix forgets it while a member's own stream is passed.
  const core::Bitrate target = std::min(decision.target, rendition_->bitrate);
  if (target == target_ && target_ == rendition_->bitrate) return;
  target_ = target;
  mixer_.set_output_target(outputs_.back().id, target_);
}

void AdaptivePicture::request_keyframe() {
  if (!outputs_.empty()) mixer_.request_keyframe(outputs_.back().id);
}

}  // namespace partyline::gateway
