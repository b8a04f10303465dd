#include "gateway/adaptive_picture.hpp"

#include <algorithm>
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
  if (plan_ && steps == plan_->steps) return {};
  if (plan_ && same_but_for_the_view(steps, plan_->steps)) return change_view(std::move(steps));
  if (!switch_) {
    switch_ = std::make_shared<RenditionSwitch>(sink_, [executor = executor_, weak = weak_from_this()](uint64_t port) {
      boost::asio::post(executor, [weak, port] {
        if (const auto self = weak.lock()) self->on_switched(port);
      });
    });
  }
  std::vector<core::Bitrate> bitrates;
  for (const auto& step : steps) bitrates.push_back(step.bitrate);
  plan_ = Plan{std::move(steps), RenditionChoice(std::move(bitrates)), {}};
  // Another codec or size by negotiation: what was sent before may not be decodable any more.
  for (const Output& output : outputs_) mixer_.remove_output(output.id);
  outputs_.clear();
  auto begun = change_to(0);
  if (!begun) stop();
  return begun;
}

core::Result<> AdaptivePicture::change_view(std::vector<mixer::VideoRendition> steps) {
  if (at_best() && changing()) return {};
  std::swap(plan_->steps, steps);
  if (!at_best()) return {};
  auto changed = change_to(0);
  if (!changed) std::swap(plan_->steps, steps);
  return changed;
}

void AdaptivePicture::stop() {
  for (const Output& output : outputs_) mixer_.remove_output(output.id);
  outputs_.clear();
  plan_.reset();
  sent_.reset();
  available_.reset();
}

void AdaptivePicture::allow_pass_through(const mixer::Member* viewer, mixer::PassLimits limits) {
  pass_ = Pass{viewer, limits};
  for (const Output& output : outputs_)
    if (output.step == 0) mixer_.allow_pass_through(output.id, viewer, limits);
}

core::Result<> AdaptivePicture::change_to(size_t step) {
  const mixer::VideoRendition& rendition = plan_->steps[step];
  const uint64_t port = ++last_port_;
  // Who sees a picture already can wait for one that is as good.
  auto added = mixer_.add_video_output(rendition, switch_->port(port), {.may_wait = !outputs_.empty()});
  if (!added) return added.error();
  outputs_.push_back({*added, port, step, rendition.bitrate});
  if (step == 0 && pass_) mixer_.allow_pass_through(*added, pass_->viewer, pass_->limits);
  sent_ = Sent{step, rendition, rendition.bitrate};
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
  if (!plan_) return;
  available_ = available;
  check(now);
}

void AdaptivePicture::set_limit(std::optional<core::Bitrate> limit, core::TimePoint now) {
  limit_ = limit;
  check(now);
}

std::optional<core::Bitrate> AdaptivePicture::allowed() const {
  return limit_ && *limit_ < available_.value_or(plan_->steps.front().bitrate) ? limit_ : available_;
}

void AdaptivePicture::check(core::TimePoint now) {
  if (!plan_ || outputs_.empty()) return;
  const auto available = allowed();
  if (changing()) {
    // One change at a time. The old picture goes on until the new one's keyframe has come, which may take a while, on a
    // way that may have become narrower.
    if (available) mixer_.set_output_target(outputs_.front().id, std::min(*available, outputs_.front().bitrate));
    return;
  }
  const auto decision = plan_->choice.update(available, now);
  if (decision.step != sent_->step) take_step(decision.step);
  put_target(std::min(decision.target, sent_->rendition.bitrate));
}

void AdaptivePicture::take_step(size_t step) {
  const size_t before = sent_->step;
  if (auto changed = change_to(step); !changed) {
    // Tried again with the next estimate; until then what is sent is made as small as it can be.
    if (std::exchange(plan_->refused, step) != step)
      core::log_warn("{} keeps its picture: {}", who_, changed.error().message);
    return;
  }
  ++switches_;
  counted_switches(step < before).add();
  plan_->refused.reset();
}

// Said again while it is less: the mix forgets it while a member's own stream is passed.
void AdaptivePicture::put_target(core::Bitrate target) {
  if (target == sent_->target && target == sent_->rendition.bitrate) return;
  sent_->target = target;
  mixer_.set_output_target(outputs_.back().id, target);
}

void AdaptivePicture::request_keyframe() {
  if (!outputs_.empty()) mixer_.request_keyframe(outputs_.back().id);
}

}  // namespace partyline::gateway
