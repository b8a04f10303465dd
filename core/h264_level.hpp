// The levels of H.264: ITU-T H.264 table A-1.
#pragma once

#include <array>
#include <cstdint>

namespace partyline::core {

struct H264Level {
  int level_idc;                   ///< level × 10 (31 = 3.1)
  int64_t macroblocks_per_second;  ///< MaxMBPS
  int macroblocks_per_frame;       ///< MaxFS; a side may have at most sqrt(8 · MaxFS) macroblocks (A.3.1 f, g)
  int64_t kbps;                    ///< MaxBR of the baseline and main profiles, 1000 bit/s
};

/// Lowest first. 1b and 4.1, which differ from their forerunners in bitrate alone, are left out.
inline constexpr std::array<H264Level, 15> kH264Levels{{{10, 1485, 99, 64},
                                                        {11, 3000, 396, 192},
                                                        {12, 6000, 396, 384},
                                                        {13, 11880, 396, 768},
                                                        {20, 11880, 396, 2000},
                                                        {21, 19800, 792, 4000},
                                                        {22, 20250, 1620, 4000},
                                                        {30, 40500, 1620, 10000},
                                                        {31, 108000, 3600, 14000},
                                                        {32, 216000, 5120, 20000},
                                                        {40, 245760, 8192, 20000},
                                                        {42, 522240, 8704, 50000},
                                                        {50, 589824, 22080, 135000},
                                                        {51, 983040, 36864, 240000},
                                                        {52, 2073600, 36864, 240000}}};

}  // namespace partyline::core
