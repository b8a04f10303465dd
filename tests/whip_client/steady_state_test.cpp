// In steady state the packets of the clients and of the embedded SFU take no memory from the heap.
#include <gtest/gtest.h>

#include "tests/support/allocations.hpp"
#include "tests/support/webrtc_way.hpp"

namespace partyline::whip_client {
namespace {

// What C libraries take is theirs: NSS under libsrtp with each packet, libnice on its own thread; how much, tells
// scripts/bench rtp --only webrtc.
TEST(SteadyState, PacketsFromAPublisherThroughTheSfuToAPlayerTakeNoMemory) {
  constexpr double kEachSecond = 10;  // journals, checks and the sweeps of the ICE server: none of them for a packet
  test::WebRtcWay way;
  ASSERT_TRUE(way.start());
  ASSERT_TRUE(way.warm_up()) << way.playing.pictures << " pictures";
  const int packets_before = way.packets();
  const uint64_t new_before = test::allocations_by_new(), large_before = test::large_allocations();
  const auto began = core::Clock::now();
  way.talk(300);
  const double seconds = core::to_ms(core::Clock::now() - began) / 1000.0;
  EXPECT_GT(way.packets() - packets_before, 1000);
  EXPECT_LE(static_cast<double>(test::allocations_by_new() - new_before), kEachSecond * (seconds + 1));
  // Where the machine stalls, more buffers are under way at once than ever before: that comes to an end.
  uint64_t grown = test::large_allocations() - large_before;
  for (int again = 0; grown > 0 && again < 5; ++again) {
    const uint64_t before = test::large_allocations();
    way.talk(300);
    grown = test::large_allocations() - before;
  }
  EXPECT_EQ(grown, 0u) << "the pool of buffers grows";
}

}  // namespace
}  // namespace partyline::whip_client
