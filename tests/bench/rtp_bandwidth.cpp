// Bandwidth rows: whole sessions with a model of an encoder through a bottleneck (tests/rtp/bandwidth_world.hpp).
//   step        2.5 Mbit/s → 500 kbit/s → 2.5 Mbit/s, one flow
//     down      until the target is below the new capacity
//     drained   until a half second begins in which no packet waits 100 ms
//     up        until 85 % of the capacity is used again
//     used      of the capacity, in the 20 s before the step, at 500 kbit/s, and at the end
//   share       two flows on 2 Mbit/s, the second one 20 s later: the larger one's share over the smaller one's
//   loss        of all packets, at the bottleneck
#include <algorithm>
#include <string>

#include "tests/bench/rtp_scenario.hpp"
#include "tests/rtp/bandwidth_world.hpp"

namespace partyline::bench {
namespace {

using namespace std::chrono_literals;
using core::Bitrate;
using rtp::TrackConfig;
using rtp::test::BandwidthWorld;

constexpr core::Duration kLook = 100ms, kLongest = 60s;

/// Seconds until `done` says so; a minute when it never does.
double until(BandwidthWorld& world, const std::function<bool()>& done) {
  const auto began = world.now;
  while (world.now - began < kLongest) {
    world.run(kLook);
    if (done()) break;
  }
  return std::chrono::duration<double>(world.now - began).count();
}

double used(BandwidthWorld& world, double capacity, core::Duration duration) {
  world.take_rate(0);
  world.run(duration);
  return 100 * world.take_rate(0) / capacity;
}

void step(Results& results, const std::string& name, const std::function<void(TrackConfig&)>& change,
          core::Duration report_every = {}) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2500)}, 1);
  auto& flow = world.add_flow(Bitrate::kbps(3000), change);
  flow.report_every = report_every;
  world.run(10s);
  results.add(name, "used_before", used(world, 2.5e6, 20s), "%");
  world.bottleneck.settings.rate = Bitrate::kbps(500);
  world.take_most_queue_ms();
  const auto stepped = world.now;
  const double down = until(world, [&] { return flow.sender.session->stats().available_out < Bitrate::kbps(500); });
  double drained = down;
  for (int i = 0; i < 120; ++i) {
    world.take_most_queue_ms();
    drained = std::chrono::duration<double>(world.now - stepped).count();
    world.run(500ms);
    if (world.take_most_queue_ms() < 100) break;
  }
  results.add(name, "down", down, "s");
  results.add(name, "drained", drained, "s");
  world.run(5s);
  results.add(name, "used_narrow", used(world, 5e5, 20s), "%");
  world.bottleneck.settings.rate = Bitrate::kbps(2500);
  world.take_rate(0);
  results.add(name, "up", until(world, [&] { return world.take_rate(0) > 0.85 * 2.5e6; }), "s");
  results.add(name, "used_after", used(world, 2.5e6, 20s), "%");
  results.add(name, "loss", 100 * world.loss(), "%");
}

void share(Results& results, const std::string& name, core::Duration apart) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2000)}, 1);
  world.add_flow(Bitrate::kbps(3000));
  world.run(apart);
  world.add_flow(Bitrate::kbps(3000));
  world.run(60s);
  world.take_rate(0);
  world.take_rate(1);
  world.take_mean_queue_ms();
  world.run(60s);
  const double first = world.take_rate(0), second = world.take_rate(1);
  results.add(name, "share", std::max(first, second) / std::min(first, second), ":1");
  results.add(name, "used", 100 * (first + second) / 2e6, "%");
  results.add(name, "queue", world.take_mean_queue_ms(), "ms");
  results.add(name, "loss", 100 * world.loss(), "%");
}

void lossy(Results& results, const std::string& name, double loss) {
  BandwidthWorld world({.delay = 25ms, .loss = loss, .rate = Bitrate::kbps(3000)}, 1);
  world.add_flow(Bitrate::kbps(2000));
  world.run(40s);
  results.add(name, "used_of_2M", used(world, 2e6, 20s), "%");
}

const Scenario step_row("bandwidth", "step_transport_cc", [](Results& r, bool) { step(r, "step_transport_cc", {}); });
const Scenario remb_row("bandwidth", "step_remb", [](Results& r, bool) {
  step(r, "step_remb", [](TrackConfig& track) {
    track.transport_cc_extension = 0;
    track.receive_formats[0].remb = true;
  });
});
const Scenario reports_row("bandwidth", "step_reports", [](Results& r, bool) {
  // As baresip is: reports each 5 s, and keyframe requests.
  step(
      r, "step_reports",
      [](TrackConfig& track) {
        track.transport_cc_extension = 0;
        track.receive_formats[0].nack = false;
      },
      5s);
});
const Scenario share_row("bandwidth", "share_together", [](Results& r, bool) { share(r, "share_together", 0s); });
const Scenario late_row("bandwidth", "share_20s_apart", [](Results& r, bool) { share(r, "share_20s_apart", 20s); });
const Scenario loss_row("bandwidth", "loss_5", [](Results& r, bool) { lossy(r, "loss_5", 0.05); });
const Scenario more_loss_row("bandwidth", "loss_12", [](Results& r, bool) { lossy(r, "loss_12", 0.12); });

}  // namespace
}  // namespace partyline::bench
