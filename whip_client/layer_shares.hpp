// LayerShares: splits what a transport carries over the simulcast layers that are wanted. The small ones come first:
// they cost little and are what narrow paths and small tiles need, so the largest is what congestion takes away first.
//
//   carries all of it             each at its full rate
//   less                          the largest down to half its rate, then the next …
//   less than half of them all    for a second, or much less: the largest stops, and what it leaves goes to the others;
//                                 the smallest never stops
//   again 1.2 × what it needs     for two seconds ▶ the layer comes back
//
// Pure. Thread: owner's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/time.hpp"
#include "rtp/session.hpp"
#include "rtp/transport_congestion.hpp"

namespace partyline::whip_client {

class LayerShares {
 public:
  /// Full rates, largest first; at least one.
  explicit LayerShares(std::vector<core::Bitrate> rates) : rates_(std::move(rates)), sent_(rates_.size()) {}
  /// What all wanted layers together can make use of.
  core::Bitrate wish(const std::vector<bool>& wanted) const;
  /// `carries`: by the transport, sound taken off; nothing known: no limit. A share a layer; 0: not to be sent.
  std::vector<core::Bitrate> update(std::optional<core::Bitrate> carries, const std::vector<bool>& wanted,
                                    core::TimePoint now);

 private:
  bool too_little(double room, double needed, core::TimePoint now);

  std::vector<core::Bitrate> rates_;
  size_t sent_;  ///< the smallest so many, as far as they are wanted
  std::optional<core::TimePoint> ample_since_, scarce_since_;
};

/// Tells the layers' sessions, largest first, their shares of what the path carries: about every 100 ms. The sound goes
/// with the first, whose target holds its part, too.
void split_path(LayerShares& shares, rtp::TransportCongestion& path, std::span<rtp::Session* const> sessions,
                core::Bitrate sound, core::TimePoint now);

}  // namespace partyline::whip_client
