#include "gateway/outputs/audio_order.hpp"

#include <algorithm>
#include <utility>

namespace partyline::gateway {

namespace {
constexpr size_t most_waiting = 100;
constexpr int64_t latest = 500;  // numbers behind: no receiver hands on what is so late
}  // namespace

AudioOrder::Verdict AudioOrder::add(core::EncodedFrame frame) {
  int64_t number = frame.sequence + shift_;
  if (last_ && number <= *last_) {
    if (frame.capture <= last_capture_ + patience && number >= *last_ - latest) return Verdict::late;
    const int64_t newest = waiting_.empty() ? *last_ : waiting_.rbegin()->first;
    shift_ += newest + 1 - number;
    number = newest + 1;
  }
  return waiting_.emplace(number, std::move(frame)).second ? Verdict::taken : Verdict::duplicate;
}

std::optional<core::EncodedFrame> AudioOrder::next(core::TimePoint now) {
  if (waiting_.empty()) return std::nullopt;
  const auto first = waiting_.begin();
  const bool in_turn = !last_ || first->first == *last_ + 1;
  if (!in_turn && now - first->second.arrival < patience && waiting_.size() < most_waiting) return std::nullopt;
  last_ = first->first;
  core::EncodedFrame frame = std::move(first->second);
  waiting_.erase(first);
  last_capture_ = frame.capture;
  return frame;
}

}  // namespace partyline::gateway
