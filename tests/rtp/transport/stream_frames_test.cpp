#include "rtp/transport/stream_frames.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace partyline::rtp {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes framed(const Bytes& payload) {
  const auto header = StreamFrames::header_of(payload);
  Bytes result(header.begin(), header.end());
  result.insert(result.end(), payload.begin(), payload.end());
  return result;
}

// What comes out when the stream arrives in pieces of at most `step` bytes.
std::vector<Bytes> cut(StreamFrames& frames, const Bytes& stream, size_t step) {
  std::vector<Bytes> result;
  for (size_t at = 0; at < stream.size() && !frames.broken();) {
    const auto space = frames.space();
    EXPECT_FALSE(space.empty());
    const size_t count = std::min({step, space.size(), stream.size() - at});
    std::copy_n(stream.begin() + static_cast<ptrdiff_t>(at), count, space.begin());
    frames.filled(count);
    at += count;
    while (const auto frame = frames.next()) result.emplace_back(frame->begin(), frame->end());
  }
  return result;
}

TEST(StreamFrames, come_out_whole_however_the_stream_is_cut) {
  const std::vector<Bytes> sent{Bytes(1, 1), Bytes(20, 2), Bytes(1200, 3), Bytes(StreamFrames::kMaxFrame, 4),
                                Bytes(3, 5)};
  Bytes stream;
  for (const Bytes& payload : sent) {
    const Bytes bytes = framed(payload);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{700}, size_t{2051}, stream.size()}) {
    StreamFrames frames;
    EXPECT_EQ(cut(frames, stream, step), sent) << "pieces of " << step;
    EXPECT_FALSE(frames.broken());
  }
}

TEST(StreamFrames, empty_ones_say_nothing) {
  StreamFrames frames;
  EXPECT_EQ(cut(frames, {0, 0, 0, 0, 0, 1, 7, 0, 0}, 9), std::vector<Bytes>{Bytes{7}});
}

TEST(StreamFrames, one_that_no_datagram_could_be_breaks_the_stream) {
  StreamFrames frames;
  const Bytes http{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P'};
  EXPECT_TRUE(cut(frames, http, 4).empty());
  EXPECT_TRUE(frames.broken());
  EXPECT_FALSE(frames.next());
}

}  // namespace
}  // namespace partyline::rtp
