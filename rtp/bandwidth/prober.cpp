#include "rtp/bandwidth/prober.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kLength = 20ms, kLongest = 60ms;
constexpr core::Duration kFirstPause = 2s, kMostPause = 8s, kAgain = 500ms;
constexpr core::Duration kFirstDoubt = 4s, kMostDoubt = 30s;
constexpr size_t kLeastBytes = 2500;
constexpr int kLeastPackets = 5;
constexpr double kEnough = 0.8;  // of the burst must have arrived

}  // namespace

bool Prober::begin(double bits_per_second, core::TimePoint now) {
  if (active_ || now < next_ || now < doubt_until_) return false;
  active_ = true;
  answered_ = false;
  ++id_;
  if (id_ == 0) ++id_;
  rate_ = bits_per_second;
  const double seconds = std::chrono::duration<double>(kLength).count();
  wanted_ = std::max(kLeastBytes, static_cast<size_t>(rate_ / 8 * seconds));
  sent_ = 0;
  began_ = now;
  arrived_ = {};
  if (pause_ == core::Duration::zero()) pause_ = kFirstPause;
  next_ = now + pause_;
  return true;
}

size_t Prober::due(core::TimePoint now) const {
  if (!active_) return 0;
  const double elapsed = std::chrono::duration<double>(now - began_).count() + 0.001;
  const size_t by_now = std::min(wanted_, static_cast<size_t>(elapsed * rate_ / 8));
  return by_now > sent_ ? by_now - sent_ : 0;
}

uint32_t Prober::on_sent(size_t bytes, core::TimePoint now) {
  if (!active_) return 0;
  sent_ += bytes;
  if (sent_ >= wanted_ || now - began_ > kLongest) active_ = false;
  return id_;
}

std::optional<double> Prober::on_arrived(uint32_t id, size_t bytes, double sent_ms, double arrived_ms) {
  if (id != id_ || answered_) return std::nullopt;
  Arrived& a = arrived_;
  if (a.packets == 0) {
    a.first_sent = sent_ms;
    a.first_arrived = arrived_ms;
    a.first_bytes = bytes;
  }
  a.bytes += bytes;
  ++a.packets;
  a.last_sent = std::max(a.last_sent, sent_ms);
  a.last_arrived = std::max(a.last_arrived, arrived_ms);
  a.last_bytes = bytes;
  if (active_ || a.packets < kLeastPackets || static_cast<double>(a.bytes) < kEnough * static_cast<double>(sent_)) {
    return std::nullopt;
  }
  answered_ = true;
  // Sending takes the time up to the last packet, arriving that from the first: one packet less each.
  const double sending = a.last_sent - a.first_sent, arriving = a.last_arrived - a.first_arrived;
  if (sending < 2 || arriving < 1) return std::nullopt;
  const double sent_rate = static_cast<double>(a.bytes - a.last_bytes) * 8000 / sending;
  const double arrived_rate = static_cast<double>(a.bytes - a.first_bytes) * 8000 / arriving;
  if (arrived_rate > 2 * sent_rate) return std::nullopt;  // held up and let go at once
  return arrived_rate < 0.9 * sent_rate ? 0.95 * arrived_rate : std::min(arrived_rate, sent_rate);
}

void Prober::on_result(bool better, core::TimePoint now) {
  if (better) {
    pause_ = kFirstPause;
    next_ = now + kAgain;
  } else {
    pause_ = std::min<core::Duration>(pause_ * 3 / 2, kMostPause);
    next_ = now + pause_;
  }
}

void Prober::on_contradicted(core::TimePoint now) {
  doubt_ = std::clamp<core::Duration>(doubt_ * 2, kFirstDoubt, kMostDoubt);
  doubt_until_ = now + doubt_;
}

void Prober::hold_until(core::TimePoint when) {
  next_ = std::max(next_, when);
}

}  // namespace partyline::rtp
