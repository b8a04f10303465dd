#include "rtp/pacer.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kLongestWait = 80ms, kLongestNear = 10ms, kNear = 5ms, kLongestMeasured = 200ms, kBurst = 20ms;
constexpr int64_t kMostBurst = 8192, kLeastBurst = 2400;  // bytes
constexpr size_t kMaxQueue = 2048;                        // packets; more go at once

core::Duration time_for(int64_t bytes, int64_t bits_per_second) {
  return std::chrono::duration_cast<core::Duration>(
      std::chrono::nanoseconds(bytes * 8 * 1'000'000'000 / std::max<int64_t>(bits_per_second, 1)));
}

}  // namespace

void Pacer::set_target(core::Bitrate target, bool measured) {
  target_ = target;
  measured_ = measured;
  const int64_t burst = target.bits_per_second * 5 / 2 / 8 * (kBurst / 1ms) / 1000;
  burst_bytes_ = measured ? std::clamp(burst, kLeastBurst, kMostBurst) : kMostBurst;
}

core::Duration Pacer::longest_wait() const {
  if (measured_) return kLongestMeasured;
  return round_trip_ < kNear ? kLongestNear : kLongestWait;
}

void Pacer::push(core::Buffer packet, core::TimePoint now) {
  queued_bytes_ += packet.size();
  queue_.push_back({std::move(packet), now});
}

std::optional<core::TimePoint> Pacer::next() const {
  if (queue_.empty()) return std::nullopt;
  const int64_t pace = target_.bits_per_second * 5 / 2;
  const core::TimePoint by_pace = paid_until_ - time_for(burst_bytes_, pace);
  // Whatever the target: the whole queue must be out when its oldest packet has waited longest.
  const Waiting& oldest = queue_.front();
  const core::TimePoint begin = std::max(oldest.queued, pace_end_);
  const core::Duration left = std::max(oldest.queued + longest_wait() - begin, core::Duration::zero());
  const core::TimePoint by_deadline = begin + left * static_cast<int64_t>(oldest.packet.size()) /
                                                  static_cast<int64_t>(std::max<size_t>(queued_bytes_, 1));
  return queue_.size() > kMaxQueue ? oldest.queued : std::min(by_pace, by_deadline);
}

std::optional<core::Buffer> Pacer::pop(core::TimePoint now) {
  const auto due = next();
  if (!due || now < *due) return std::nullopt;
  core::Buffer packet = std::move(queue_.front().packet);
  // From when it was due, not from now: ticks come late, the pace must not.
  pace_end_ = std::min(now, std::max(*due, queue_.front().queued));
  queue_.pop_front();
  queued_bytes_ -= packet.size();
  const int64_t pace = target_.bits_per_second * 5 / 2;
  paid_until_ = std::max(paid_until_, now) + time_for(static_cast<int64_t>(packet.size()), pace);
  // A large picture that had to go faster than the pace does not make the next one wait for its debt.
  if (queue_.empty()) paid_until_ = std::min(paid_until_, now + time_for(burst_bytes_, pace));
  return packet;
}

}  // namespace partyline::rtp
