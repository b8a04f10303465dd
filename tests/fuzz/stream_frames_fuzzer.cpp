// ICE over TCP: frames of a stream (RFC 4571), which come out the same whatever pieces the stream arrives in (the first
// byte).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rtp/transport/stream_frames.hpp"

namespace {
std::vector<std::vector<uint8_t>> cut(std::span<const uint8_t> stream, size_t piece) {
  partyline::rtp::StreamFrames frames;
  std::vector<std::vector<uint8_t>> out;
  while (!stream.empty() && !frames.broken()) {
    const auto space = frames.space();
    const size_t size = std::min({piece, space.size(), stream.size()});
    if (size == 0) std::abort();
    std::memcpy(space.data(), stream.data(), size);
    stream = stream.subspan(size);
    frames.filled(size);
    while (const auto frame = frames.next()) out.emplace_back(frame->begin(), frame->end());
  }
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span stream(data + 1, size - 1);
  if (cut(stream, 1 + data[0]) != cut(stream, 4096)) std::abort();
  return 0;
}
