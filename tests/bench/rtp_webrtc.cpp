// webrtc: what a packet takes from the heap between a WHIP publisher, the embedded SFU and a WHEP player, in real time.
#include "tests/bench/rtp_scenario.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/webrtc_way.hpp"

namespace partyline::bench {
namespace {

void heap(Results& results, bool quick) {
  const int frames = quick ? 200 : 1000;
  test::WebRtcWay way;
  if (!way.start() || !way.warm_up()) return;
  const uint64_t new_before = test::allocations_by_new(), large_before = test::large_allocations();
  const uint64_t here_before = test::allocations(), all_before = test::all_allocations();
  const int packets_before = way.packets();
  way.talk(frames);
  const int packets = way.packets() - packets_before;
  const auto each = [packets](uint64_t count) { return packets > 0 ? static_cast<double>(count) / packets : 0; };
  const uint64_t ours = test::allocations_by_new() - new_before, buffers = test::large_allocations() - large_before;
  const uint64_t here = test::allocations() - here_before, all = test::all_allocations() - all_before;
  // A packet is protected and unprotected twice on the way: client to SFU, SFU to client.
  results.add("whip_sfu_whep", "ours", each(ours), "per packet");
  results.add("whip_sfu_whep", "buffers", each(buffers), "per packet");
  results.add("whip_sfu_whep", "libsrtp", each(here - std::min(ours + buffers, here)), "per packet");
  results.add("whip_sfu_whep", "libnice", each(all - here), "per packet");
}

const Scenario registered("webrtc", "whip_sfu_whep", heap);

}  // namespace
}  // namespace partyline::bench
