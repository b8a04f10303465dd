// Audio rows: what a listener gets of a voice sent over a bad network (tests/support/voice_path.hpp).
//   late:      packets that came too late to be played, of those sent, in per cent
//   concealed: made-up sound in per cent of the time
//   recovered: lost packets played from in-band FEC or RED, or sent again, of those sent, in per cent
//   delay:     mean time from a packet's sending to its first sample's tick, less the network's mean delay
//   back:      after the network is good again, how long until the buffer is within 20 ms of its least
// audio_seeds: many such minutes that differ by chance alone; each one's delay is held against the 99th percentile of
// its own packets' jitter, and 20 ms:
//   late, worst_late: mean and worst of the runs;   delay, worst_delay: likewise
//   beyond, worst_beyond: runs in which the delay was more than that, and by how much (negative: none was)
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "tests/bench/rtp_scenario.hpp"
#include "tests/support/voice_path.hpp"

namespace partyline::bench {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using test::ms;
using test::VoicePath;
using test::VoicePathSettings;

/// A minute (quick: 20 s) on the link after five seconds to settle, then five on a quiet one.
void measure(Results& results, const std::string& name, VoicePathSettings settings, bool quick) {
  VoicePath path(std::move(settings));
  const core::Duration network = path.settings.link.delay, packet = std::chrono::milliseconds(path.settings.packet_ms);
  path.run(5s);
  const auto before = path.ears.stats();
  const auto came_before = path.listener_session().stats().audio.packets_recovered;
  const int64_t spoken = path.spoken;
  double sum = 0;
  int ticks = 0;
  path.on_tick = [&] {
    sum += ms(path.ears.playout_delay() - packet - network);
    ++ticks;
  };
  path.run(quick ? 20s : 60s);
  const auto after = path.ears.stats();
  const auto came_again = path.listener_session().stats().audio.packets_recovered;
  const double sent = static_cast<double>(path.spoken - spoken), time = ticks * 20.0;
  path.forward.settings = {};
  path.forward.settings.delay = network;
  std::vector<double> waits;
  path.on_tick = [&] { waits.push_back(path.ears.stats().buffered_ms); };
  path.run(10s);
  const auto calm = std::find_if(waits.rbegin(), waits.rend(), [&](double wait) { return wait > waits.back() + 20; });
  results.add(name, "late", 100 * static_cast<double>(after.late_frames - before.late_frames) / sent, "%");
  results.add(name, "concealed", 100 * static_cast<double>(after.concealed_ms - before.concealed_ms) / time, "%");
  const auto recovered = after.fec_recovered - before.fec_recovered + came_again - came_before;
  results.add(name, "recovered", 100 * static_cast<double>(recovered) / sent, "%");
  results.add(name, "delay", sum / ticks, "ms");
  results.add(name, "back", static_cast<double>(waits.rend() - calm) * 0.02, "s");
}

void measure_seeds(Results& results, const std::string& name, const VoicePathSettings& settings, bool quick) {
  const uint32_t seeds = quick ? 8 : 80;
  double late_sum = 0, late_worst = 0, delay_sum = 0, delay_worst = 0, beyond_worst = -1e9;
  int beyond = 0;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    VoicePath path(settings);
    path.forward = test::FakeLink(settings.link, seed);
    const core::Duration known = settings.link.delay + std::chrono::milliseconds(settings.packet_ms);
    path.run(5s);
    const auto before = path.ears.stats();
    const int64_t spoken = path.spoken;
    std::vector<double> jitter, delays;
    path.on_frame = [&](const core::EncodedFrame& frame) {
      jitter.push_back(ms(frame.arrival - frame.capture - known));
    };
    path.on_tick = [&] { delays.push_back(ms(path.ears.playout_delay() - known)); };
    path.run(quick ? 20s : 60s);
    const double late = 100 * static_cast<double>(path.ears.stats().late_frames - before.late_frames) /
                        static_cast<double>(path.spoken - spoken);
    const double delay = std::accumulate(delays.begin(), delays.end(), 0.0) / static_cast<double>(delays.size());
    const auto p99 = jitter.begin() + static_cast<ptrdiff_t>(jitter.size() * 99 / 100);
    std::nth_element(jitter.begin(), p99, jitter.end());
    late_sum += late / seeds;
    late_worst = std::max(late_worst, late);
    delay_sum += delay / seeds;
    delay_worst = std::max(delay_worst, delay);
    beyond_worst = std::max(beyond_worst, delay - (*p99 + 20));
    beyond += delay > *p99 + 20 ? 1 : 0;
  }
  results.add(name, "late", late_sum, "%");
  results.add(name, "worst_late", late_worst, "%");
  results.add(name, "delay", delay_sum, "ms");
  results.add(name, "worst_delay", delay_worst, "ms");
  results.add(name, "beyond", beyond, "runs");
  results.add(name, "worst_beyond", beyond_worst, "ms");
}

VoicePathSettings on_link(test::FakeLink::Settings link, Codec codec = Codec::opus) {
  VoicePathSettings settings;
  settings.codec = codec;
  settings.link = link;
  settings.keep_heard = false;
  return settings;
}

test::FakeLink::Settings jittery(core::Duration sigma) {
  test::FakeLink::Settings link;
  link.delay = 120ms;
  link.sigma = sigma;
  return link;
}

test::FakeLink::Settings lossy(double loss) {
  test::FakeLink::Settings link;
  link.loss = loss;
  return link;
}

/// 10 % loss, a round trip of 40 ms, and NACK agreed.
VoicePathSettings asking_again() {
  VoicePathSettings settings = on_link(lossy(0.1));
  settings.prepare = [](rtp::TrackConfig& track) {
    track.receive_formats[0].nack = track.send_format->nack = true;
    track.feedback_profile = track.reduced_size_rtcp = true;
  };
  return settings;
}

const Scenario quiet("audio", "quiet",
                     [](Results& results, bool quick) { measure(results, "quiet", on_link({}), quick); });
const Scenario jitter_10("audio", "jitter_10ms", [](Results& results, bool quick) {
  measure(results, "jitter_10ms", on_link(jittery(10ms)), quick);
});
const Scenario jitter_30("audio", "jitter_30ms", [](Results& results, bool quick) {
  measure(results, "jitter_30ms", on_link(jittery(30ms)), quick);
});
const Scenario seeds_10("audio_seeds", "jitter_10ms_seeds", [](Results& results, bool quick) {
  measure_seeds(results, "jitter_10ms_seeds", on_link(jittery(10ms)), quick);
});
const Scenario seeds_30("audio_seeds", "jitter_30ms_seeds", [](Results& results, bool quick) {
  measure_seeds(results, "jitter_30ms_seeds", on_link(jittery(30ms)), quick);
});
const Scenario loss_opus("audio", "loss_10pc_opus", [](Results& results, bool quick) {
  measure(results, "loss_10pc_opus", on_link(lossy(0.1)), quick);
});
const Scenario loss_fec("audio", "loss_10pc_opus_fec", [](Results& results, bool quick) {
  VoicePathSettings settings = on_link(lossy(0.1));
  settings.in_band_fec = true;
  measure(results, "loss_10pc_opus_fec", settings, quick);
});
const Scenario loss_nack("audio", "loss_10pc_opus_nack", [](Results& results, bool quick) {
  measure(results, "loss_10pc_opus_nack", asking_again(), quick);
});
const Scenario loss_fec_nack("audio", "loss_10pc_fec_nack", [](Results& results, bool quick) {
  VoicePathSettings settings = asking_again();
  settings.in_band_fec = true;
  measure(results, "loss_10pc_fec_nack", settings, quick);
});
const Scenario loss_red("audio", "loss_10pc_opus_red", [](Results& results, bool quick) {
  VoicePathSettings settings = on_link(lossy(0.1));
  settings.prepare = [](rtp::TrackConfig& track) { track.red = track.red_send = 63; };
  measure(results, "loss_10pc_opus_red", settings, quick);
});
const Scenario loss_g722("audio", "loss_10pc_g722", [](Results& results, bool quick) {
  measure(results, "loss_10pc_g722", on_link(lossy(0.1), Codec::g722), quick);
});
const Scenario loss_pcmu("audio", "loss_10pc_pcmu", [](Results& results, bool quick) {
  measure(results, "loss_10pc_pcmu", on_link(lossy(0.1), Codec::pcmu), quick);
});

}  // namespace
}  // namespace partyline::bench
