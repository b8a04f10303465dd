// FakeLink: a one-way network path in virtual time: rate with a queue, delay, jitter, loss, reordering, duplicates; the
// same seed gives the same fate to every packet. Thread: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "core/time.hpp"

namespace partyline::test {

class FakeLink {
 public:
  struct Settings {
    core::Duration delay = std::chrono::milliseconds(20);
    core::Duration jitter{};  ///< uniform 0…jitter on top; keeps the order
    core::Duration sigma{};   ///< normal around `delay`, never below 0; packets overtake each other
    double loss = 0, duplicate = 0;
    double reorder = 0;  ///< share of packets that are late by `reorder_by`
    core::Duration reorder_by = std::chrono::milliseconds(15);
    core::Bitrate rate{};        ///< 0: unlimited
    size_t queue_bytes = 60000;  ///< in front of the rate; more is dropped
  };

  explicit FakeLink(Settings with, uint32_t seed = 1) : settings(with), random_(seed) {}

  void send(std::span<const uint8_t> packet, core::TimePoint now) {
    ++sent;
    if (chance(settings.loss)) {
      ++lost;
      return;
    }
    core::TimePoint at = now;
    if (settings.rate.bits_per_second > 0) {
      line_free_ = std::max(line_free_, now);
      const auto backlog = std::chrono::duration<double>(line_free_ - now).count();
      if (backlog * static_cast<double>(settings.rate.bits_per_second) / 8 >
          static_cast<double>(settings.queue_bytes)) {
        ++lost;
        return;
      }
      line_free_ +=
          std::chrono::nanoseconds(static_cast<int64_t>(packet.size()) * 8'000'000'000 / settings.rate.bits_per_second);
      at = line_free_;
    }
    at += settings.delay;
    if (settings.jitter > core::Duration::zero()) {
      at += core::Duration(static_cast<int64_t>(share() * static_cast<double>(settings.jitter.count())));
    }
    if (settings.sigma > core::Duration::zero()) {
      const double extra =
          std::normal_distribution<double>(0, 1)(random_) * static_cast<double>(settings.sigma.count());
      at = std::max(at + core::Duration(static_cast<int64_t>(extra)), now);
    }
    if (chance(settings.reorder)) {
      at += settings.reorder_by;
    } else if (settings.sigma == core::Duration::zero()) {
      at = last_ = std::max(at, last_);
    }
    under_way_.emplace(at, std::vector<uint8_t>(packet.begin(), packet.end()));
    if (chance(settings.duplicate)) under_way_.emplace(at, std::vector<uint8_t>(packet.begin(), packet.end()));
  }

  /// Hands over everything that has arrived by `now`, in order of arrival.
  void deliver(core::TimePoint now, const std::function<void(std::span<const uint8_t>, core::TimePoint)>& to) {
    while (!under_way_.empty() && under_way_.begin()->first <= now) {
      const auto [at, packet] = std::move(*under_way_.begin());
      under_way_.erase(under_way_.begin());
      to(packet, at);
    }
  }

  Settings settings;
  uint64_t sent = 0, lost = 0;

 private:
  double share() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  bool chance(double probability) { return probability > 0 && share() < probability; }

  std::mt19937 random_;
  std::multimap<core::TimePoint, std::vector<uint8_t>> under_way_;
  core::TimePoint line_free_{}, last_{};
};

}  // namespace partyline::test
