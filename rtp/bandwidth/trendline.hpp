// Trendline: does a queue grow on the path? Packets are taken together in groups sent within 5 ms (a picture leaves as
// a burst); the slope of the smoothed one-way delay over the last 20 groups, against a threshold that adapts itself,
// says whether the link is used beyond what it carries. The threshold adapts so that flows that fill queues (TCP) do
// not starve this one.
//
//   sent      ▏▏▏      ▏▏▏      ▏▏▏           delay │      ▪▪   slope × groups × gain > threshold, for 10 ms and
//   arrived     ▏▏▏       ▏▏▏        ▏▏▏            │  ▪▪▪      twice: over
//                groups    + d1      + d2           └──────── arrival
//
// Serves both ends: the sender (numbers of transport-cc feedback) and the receiver (RTP time as sending time).
// Thread: owner's. Source: draft-ietf-rmcat-gcc-02 §5, with libwebrtc's linear fit in place of the Kalman filter.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace partyline::rtp {

enum class LinkUse { normal, over, under };

class Trendline {
 public:
  /// One packet that arrived, in the order of sending. Times in milliseconds, each clock with an origin of its own.
  void add(double sent_ms, double arrived_ms);
  LinkUse use() const { return use_; }

 private:
  struct Group {
    double first_sent = 0, last_sent = 0, first_arrived = 0, last_arrived = 0;
  };
  struct Point {
    double arrived = 0, delay = 0;
  };
  bool belongs(double sent_ms, double arrived_ms) const;
  void on_group(double sent_delta, double arrived_delta, double arrived_ms);
  double slope() const;
  void detect(double trend, double sent_delta, double arrived_ms);
  void adapt(double trend, double arrived_ms);

  static constexpr size_t kWindow = 20;
  std::optional<Group> current_, before_;
  std::array<Point, kWindow> points_{};
  size_t count_ = 0;  ///< groups so far
  double accumulated_ = 0, smoothed_ = 0;
  double threshold_ = 12.5, adapted_at_ = 0, over_for_ = -1, trend_before_ = 0;
  int over_count_ = 0;
  LinkUse use_ = LinkUse::normal;
};

}  // namespace partyline::rtp
