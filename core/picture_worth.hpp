// What a camera's picture of a size is worth in bits, 30 pictures a second: 720p 2.1 Mbit/s, 360p 740 kbit/s, 180p
// 260 kbit/s. Smaller pictures need more a pixel. Whoever shows a picture asks its sender for that much, and an SFU
// tells by it which layer that means. Pure.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/frame.hpp"

namespace partyline::core {

inline constexpr Bitrate kMostPictureWorth = Bitrate::kbps(10'000);

/// Not shown at all (0x0): 64 kbit/s, so that it comes back soon.
inline Bitrate picture_worth(VideoSize shown) {
  constexpr double kLeast = 64e3, kFactor = 70;
  const double pixels = static_cast<double>(shown.width) * shown.height;
  const double bits = std::max(kLeast, kFactor * std::pow(pixels, 0.75));
  return std::min(Bitrate{static_cast<int64_t>(bits)}, kMostPictureWorth);
}

}  // namespace partyline::core
