#include "rtp/payload/red.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace partyline::rtp {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes bytes_of(std::span<const uint8_t> data) {
  return {data.begin(), data.end()};
}

TEST(Red, is_taken_apart_oldest_block_first) {
  Bytes packet;
  for (const auto& header : {red_header(111, 1920, 3), red_header(111, 960, 2)}) {
    packet.insert(packet.end(), header.begin(), header.end());
  }
  packet.insert(packet.end(), {111, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto red = parse_red(packet);
  ASSERT_TRUE(red);
  ASSERT_EQ(red->older_count, 2u);
  EXPECT_EQ(red->older[0].time_offset, 1920);
  EXPECT_EQ(bytes_of(red->older[0].data), (Bytes{1, 2, 3}));
  EXPECT_EQ(red->older[1].time_offset, 960);
  EXPECT_EQ(bytes_of(red->older[1].data), (Bytes{4, 5}));
  EXPECT_EQ(red->own.payload_type, 111);
  EXPECT_EQ(bytes_of(red->own.data), (Bytes{6, 7, 8, 9}));
}

TEST(Red, header_fields_keep_their_largest_values) {
  const auto header = red_header(127, kMostRedOffset, kMostRedBytes);
  Bytes packet(header.begin(), header.end());
  packet.push_back(0);
  packet.resize(packet.size() + kMostRedBytes);
  const auto red = parse_red(packet);
  ASSERT_TRUE(red);
  EXPECT_EQ(red->older[0].payload_type, 127);
  EXPECT_EQ(red->older[0].time_offset, kMostRedOffset);
  EXPECT_EQ(red->older[0].data.size(), kMostRedBytes);
  EXPECT_TRUE(red->own.data.empty());
}

TEST(Red, that_is_cut_short_or_nests_too_deep_is_refused) {
  const auto header = red_header(111, 960, 4);
  Bytes packet(header.begin(), header.end());
  packet.insert(packet.end(), {111, 1, 2, 3, 4});
  EXPECT_TRUE(parse_red(packet));
  for (size_t length = 0; length < packet.size(); ++length) {
    EXPECT_FALSE(parse_red(std::span(packet).first(length))) << length;
  }
  Bytes deep;
  for (size_t i = 0; i <= RedPacket::kMostOlder; ++i) {
    const auto empty = red_header(111, 960, 0);
    deep.insert(deep.end(), empty.begin(), empty.end());
  }
  deep.push_back(111);
  EXPECT_FALSE(parse_red(deep));
}

TEST(Red, never_reads_beyond_what_it_was_given) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes packet(random() % 40);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
    const auto red = parse_red(packet);
    if (!red) continue;
    size_t total = red->own.data.size() + 1 + 4 * red->older_count;
    for (size_t k = 0; k < red->older_count; ++k) total += red->older[k].data.size();
    EXPECT_EQ(total, packet.size());
  }
}

}  // namespace
}  // namespace partyline::rtp
