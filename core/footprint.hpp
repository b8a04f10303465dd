// Footprint: where in memory the work for one packet goes, so that it can be fetched into the processor's caches while
// another packet is worked on. For things of which there are so many that all of them together do not fit there: then
// each of a packet's lines would be waited for in turn, mostly only to learn the address of the next one.
//
// A footprint that is out of date costs time and nothing else: fetching is harmless wherever it points to.
// Thread: plain value.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace partyline::core {

/// Bytes that the caches hold and fetch together.
inline constexpr size_t kCacheLine = 64;

/// Fetches `bytes` from `from` on, and does not wait for them.
void fetch_ahead(const void* from, size_t bytes);

/// Of at most so many runs of lines; what does not fit in any more is left out.
template <size_t kMostRuns>
class FootprintOf {
 public:
  FootprintOf() = default;
  template <size_t kOtherRuns>
  explicit FootprintOf(const FootprintOf<kOtherRuns>& other) : count_(std::min(other.runs().size(), kMostRuns)) {
    std::copy_n(other.runs().begin(), count_, runs_.begin());
  }

  void add(const void* from, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(from), end = begin + bytes;
    for (uintptr_t line = begin / kCacheLine * kCacheLine; line < end; line += kCacheLine) add_line(line);
  }
  template <class T>
  void add(const T& thing) {
    add(&thing, sizeof thing);
  }
  /// From the beginning of one member to the beginning of another.
  void add_between(const void* from, const void* to) {
    add(from, reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from));
  }

  /// Does not wait for what it fetches.
  void fetch() const {
    for (const uintptr_t run : runs())
      fetch_ahead(reinterpret_cast<const void*>(run & ~kMore), ((run & kMore) + 1) * kCacheLine);
  }
  std::span<const uintptr_t> runs() const { return {runs_.data(), count_}; }

 private:
  static constexpr uintptr_t kMore = kCacheLine - 1;  // the bits that a line's address leaves

  static bool has(uintptr_t run, uintptr_t line) {
    const uintptr_t first = run & ~kMore;
    return line >= first && line - first <= (run & kMore) * kCacheLine;
  }
  void add_line(uintptr_t line) {
    const std::span<uintptr_t> there = std::span(runs_).first(count_);
    if (std::ranges::any_of(there, [&](uintptr_t run) { return has(run, line); })) return;
    const auto before = std::ranges::find_if(
        there, [&](uintptr_t run) { return has(run, line - kCacheLine) && (run & kMore) != kMore; });
    if (before != there.end()) {
      ++*before;
    } else if (count_ < kMostRuns) {
      runs_[count_++] = line;
    }
  }

  size_t count_ = 0;
  std::array<uintptr_t, kMostRuns> runs_{};  // the first line's address, and how many more follow it
};
using Footprint = FootprintOf<23>;

/// What packets are pushed into, and can tell what that touches.
class Footprinted {
 public:
  virtual void add_footprint(Footprint& footprint) const = 0;

 protected:
  ~Footprinted() = default;
};

/// Of what can tell; else nothing.
template <class Thing>
void add_footprint_of(const Thing* thing, Footprint& footprint) {
  if (const auto* const told = dynamic_cast<const Footprinted*>(thing)) told->add_footprint(footprint);
}

}  // namespace partyline::core
