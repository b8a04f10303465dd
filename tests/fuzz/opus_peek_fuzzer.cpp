// Opus packets of a stranger, looked at without being decoded: a length byte (in steps of four bytes), the packet,
// again, all by one OpusPeek, whose energies build on those of the packet before. What it tells is a level.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "mixer/codec/opus_peek.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using partyline::mixer::PacketLoudness;
  partyline::mixer::OpusPeek peek;
  for (size_t at = 0; at + 1 < size;) {
    const size_t length = std::min<size_t>(data[at] * 4U, size - at - 1);
    const auto loudness = peek.look({data + at + 1, length});
    // The transform coder's loudest: 21 bands at 28 above the usual ones, about 156 dB over full scale.
    if (loudness && (!std::isfinite(loudness->dbov) || loudness->dbov < -127 || loudness->dbov > 160)) std::abort();
    if (loudness && loudness->scale != PacketLoudness::Scale::speech &&
        loudness->scale != PacketLoudness::Scale::transform)
      std::abort();
    at += 1 + length;
  }
  return 0;
}
