// parity: whether a parity code (ULPFEC, FlexFEC) would pay. The best that any code can do (as many packets as a
// picture has are enough, whichever they are) against what NACK costs (rows of the family `video`), for pictures as our
// encoders make them.
//   waiting:   pictures that need a repetition all the same, in per cent
//   overhead:  more packets sent: parity, and repetitions of what it does not repair
// Random losses, or in bursts of three on average (Gilbert: within a burst everything is lost).
#include <algorithm>
#include <random>
#include <string>

#include "tests/bench/rtp_scenario.hpp"

namespace partyline::bench {
namespace {

struct Path {
  double loss = 0.1;
  double burst = 1;  ///< packets, mean
};

/// Whether each next packet is lost.
class Losses {
 public:
  explicit Losses(const Path& path)
      : leave_(1 / path.burst), enter_(path.loss / (1 - path.loss) / path.burst), random_(path.loss) {
    if (path.burst > 1) random_ = -1;
  }
  bool next() {
    const double chance = std::uniform_real_distribution<double>(0, 1)(engine_);
    if (random_ >= 0) return chance < random_;
    lost_ = lost_ ? chance >= leave_ : chance < enter_;
    return lost_;
  }

 private:
  double leave_, enter_, random_;
  bool lost_ = false;
  std::mt19937 engine_{1};
};

// 30 pictures a second at 1 Mbit/s are 1 to 8 packets each; at 2.5 Mbit/s 4 to 18.
void measure(Results& results, const std::string& name, const Path& path, int mean_packets, bool quick) {
  const int pictures = quick ? 20'000 : 200'000;
  for (const int parity : {0, 1, 2}) {
    Losses losses(path);
    std::mt19937 sizes(2);
    int waiting = 0;
    double media = 0, extra = 0;
    for (int i = 0; i < pictures; ++i) {
      const int packets =
          std::max(1, std::uniform_int_distribution<int>(mean_packets / 3, mean_packets * 5 / 3)(sizes));
      // A picture of more than ten packets is two blocks: the share of parity stays what it was.
      const int blocks = (packets + 9) / 10;
      bool waits = false;
      for (int block = 0; block < blocks; ++block) {
        const int size = packets / blocks + (block < packets % blocks ? 1 : 0);
        int lost = 0, lost_media = 0;
        for (int k = 0; k < size + parity; ++k) {
          const bool gone = losses.next();
          lost += gone;
          lost_media += gone && k < size;
        }
        media += size;
        extra += parity;
        if (lost <= parity) continue;
        extra += lost_media;
        waits = waits || lost_media > 0;
      }
      waiting += waits;
    }
    const std::string label = std::to_string(parity);
    results.add(name, "waiting_" + label, 100.0 * waiting / pictures, "%");
    results.add(name, "overhead_" + label, 100 * extra / media, "%");
  }
}

const Scenario small_5("parity", "5pc_1mbit",
                       [](Results& results, bool quick) { measure(results, "5pc_1mbit", {.loss = 0.05}, 4, quick); });
const Scenario small_10("parity", "10pc_1mbit",
                        [](Results& results, bool quick) { measure(results, "10pc_1mbit", {.loss = 0.1}, 4, quick); });
const Scenario large_10("parity", "10pc_2.5mbit", [](Results& results, bool quick) {
  measure(results, "10pc_2.5mbit", {.loss = 0.1}, 10, quick);
});
const Scenario bursts_10("parity", "10pc_bursts", [](Results& results, bool quick) {
  measure(results, "10pc_bursts", {.loss = 0.1, .burst = 3}, 4, quick);
});

}  // namespace
}  // namespace partyline::bench
