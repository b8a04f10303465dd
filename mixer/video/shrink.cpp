#include "mixer/video/shrink.hpp"

#include <libyuv.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace partyline::mixer {
#if defined(__x86_64__)
namespace {

constexpr int kTogether = 8;      // pixels
constexpr int kRead = 16;         // bytes from which they are made: enough down to half the width
constexpr size_t kMostKept = 64;  // pairs of widths

/// For eight pixels side by side: where their neighbours begin, which they are, and how much each of the two counts.
struct Step {
  int from = 0;
  alignas(16) uint8_t which[kRead];
  alignas(16) int8_t weights[kRead];
};

/// A row's steps. Positions are those of libyuv's ScalePlane: 16.16, the pixels' centres on each other.
std::vector<Step> steps_of(int from_width, int to_width) {
  std::vector<Step> steps(static_cast<size_t>((to_width + kTogether - 1) / kTogether));
  const int64_t dx = (int64_t{from_width} << 16) / to_width;
  for (size_t s = 0; s < steps.size(); ++s) {
    Step& step = steps[s];
    for (int i = 0; i < kTogether; ++i) {
      const int64_t wanted = dx / 2 - 32768 + dx * (static_cast<int64_t>(s) * kTogether + i);
      const int64_t x = std::clamp<int64_t>(wanted, 0, int64_t{from_width - 1} << 16);
      const int left = static_cast<int>(x >> 16);
      if (i == 0) step.from = left;
      // One of 128 parts always goes to each: a whole does not fit into a signed byte.
      const int right_part = std::clamp(static_cast<int>(x >> 9) & 127, 1, 127);
      step.which[2 * i] = static_cast<uint8_t>(left - step.from);
      step.which[2 * i + 1] = static_cast<uint8_t>(std::min(left + 1, from_width - 1) - step.from);
      step.weights[2 * i] = static_cast<int8_t>(128 - right_part);
      step.weights[2 * i + 1] = static_cast<int8_t>(right_part);
    }
  }
  return steps;
}

const std::vector<Step>& known_steps(int from_width, int to_width) {
  thread_local std::map<std::pair<int, int>, std::vector<Step>> known;
  const std::pair key(from_width, to_width);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (known.size() >= kMostKept) known.clear();
  return known.emplace(key, steps_of(from_width, to_width)).first->second;
}

/// `row` is readable for kRead bytes behind its end.
__attribute__((target("ssse3"))) void shrink_row(const uint8_t* row, const std::vector<Step>& steps, uint8_t* to,
                                                 int width) {
  const __m128i half = _mm_set1_epi16(64);
  for (const Step& step : steps) {
    const __m128i pixels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + step.from));
    const __m128i pairs = _mm_shuffle_epi8(pixels, _mm_load_si128(reinterpret_cast<const __m128i*>(step.which)));
    const __m128i sums = _mm_maddubs_epi16(pairs, _mm_load_si128(reinterpret_cast<const __m128i*>(step.weights)));
    const __m128i rounded = _mm_srli_epi16(_mm_add_epi16(sums, half), 7);
    const __m128i bytes = _mm_packus_epi16(rounded, rounded);
    if (width >= kTogether) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes);
    } else {
      alignas(16) uint8_t last[16];
      _mm_store_si128(reinterpret_cast<__m128i*>(last), bytes);
      std::memcpy(to, last, static_cast<size_t>(width));
    }
    to += kTogether;
    width -= kTogether;
  }
}

/// Less than the whole, and more than half of it.
bool is_a_little_less(int from, int to) {
  return to > 0 && to < from && from < 2 * to;
}

}  // namespace

bool shrink(const PlaneView& source, uint8_t* to, int stride, core::VideoSize size) {
  static const bool able = __builtin_cpu_supports("ssse3");
  if (!able || !is_a_little_less(source.size.width, size.width) || size.height <= 0 ||
      size.height > source.size.height || source.size.height > 2 * size.height) {
    return false;
  }
  const std::vector<Step>& steps = known_steps(source.size.width, size.width);
  thread_local std::vector<uint8_t> row;
  const auto width = static_cast<size_t>(source.size.width);
  if (row.size() < width + kRead) row.resize(width + kRead);
  const int64_t dy = (int64_t{source.size.height} << 16) / size.height;
  for (int line = 0; line < size.height; ++line) {
    const int64_t y = std::clamp<int64_t>(dy / 2 - 32768 + dy * line, 0, int64_t{source.size.height - 1} << 16);
    const uint8_t* const upper = source.bytes + (y >> 16) * source.stride;
    const int lower_part = static_cast<int>(y >> 8) & 255;
    const bool last = (y >> 16) + 1 >= source.size.height;
    libyuv::InterpolatePlane(upper, source.stride, last ? upper : upper + source.stride, source.stride, row.data(),
                             source.size.width, source.size.width, 1, last ? 0 : lower_part);
    shrink_row(row.data(), steps, to, size.width);
    to += stride;
  }
  return true;
}
#else
bool shrink(const PlaneView&, uint8_t*, int, core::VideoSize) {
  return false;
}
#endif

}  // namespace partyline::mixer
