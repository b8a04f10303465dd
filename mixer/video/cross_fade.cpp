#include "mixer/video/cross_fade.hpp"

#include <libyuv.h>

#include "mixer/video/paint.hpp"

namespace partyline::mixer {

void CrossFade::start(const I420Image& canvas, core::TimePoint now) {
  if (length_ <= core::Duration::zero()) return;
  if (active()) {
    std::swap(before_, shown_);
  } else {
    before_ = I420Image(canvas.size());
    draw(before_, canvas.view(), {0, 0, canvas.size().width, canvas.size().height});
    shown_ = I420Image(canvas.size());
  }
  started_ = now;
}

bool CrossFade::advance(const I420Image& canvas, core::TimePoint now) {
  if (!active()) return false;
  if (now - started_ >= length_ || now < started_ || before_.size() != canvas.size()) {
    stop();
    return true;
  }
  // The first frame of the new layout has something of it already.
  const auto part = static_cast<int>(32 + (now - started_) * 224 / length_);
  const I420View from = before_.view();
  const I420View to = canvas.view();
  libyuv::I420Interpolate(from.y, from.stride_y, from.u, from.stride_u, from.v, from.stride_v, to.y, to.stride_y, to.u,
                          to.stride_u, to.v, to.stride_v, shown_.y(), shown_.stride_y(), shown_.u(), shown_.stride_uv(),
                          shown_.v(), shown_.stride_uv(), to.size.width, to.size.height, part);
  return true;
}

}  // namespace partyline::mixer
