// Simulcast of publishers (RFC 8853, RIDs of RFC 8851): what an offer says of it, what the answer says back, and which
// layer a player gets. All layers a publisher offers are taken; each is a source of its own, told apart by the header
// extension rtp-stream-id. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "rtp/sdp/description.hpp"

namespace partyline::sfu {

struct Simulcast {
  static constexpr size_t kMostLayers = 4;
  std::vector<std::string> rids;  ///< in the offer's order; empty: no simulcast
  uint8_t rid_extension = 0;
  uint8_t repaired_extension = 0;  ///< of RTX sources; 0: not offered
  /// Of each layer, by its restrictions (RFC 8851 §5): bits a second, and what its size is worth; 0: not said.
  struct Promise {
    double bits = 0, worth = 0;
  };
  std::vector<Promise> promises{};
};
/// Nothing unless the section sends at least two layers and says under which extension they are named.
Simulcast offered_simulcast(const rtp::sdp::Media& offered);
/// Adds a=rid, a=simulcast and a=extmap to the answer's section.
void accept_simulcast(const Simulcast& simulcast, rtp::sdp::Media& section);

/// Which layer a player gets: the largest (by bits until all sizes are known) that is not far above what it wishes for
/// or its path carries, else the smallest; and if a smaller one has the size that is wished for, that. A layer that
/// ceases is left at once; otherwise a choice holds for two seconds, unless the wish or the path changes.
class LayerChoice {
 public:
  struct Layer {
    double bits_per_second = 0;  ///< measured
    double worth = 0;            ///< of its size (core/picture_worth.hpp); 0: size not known
    bool available = false;      ///< it comes, or would if it were asked for
  };
  /// Bits a second; nothing: as many as there are. `path` says nothing about sizes. Returns an index into `layers`.
  size_t choose(std::span<const Layer> layers, std::optional<double> wish, std::optional<double> path,
                core::TimePoint now);
  size_t chosen() const { return chosen_; }

 private:
  static size_t covering(std::span<const Layer> layers, size_t best, double wish);

  size_t chosen_ = 0;
  std::optional<double> limit_;
  std::optional<core::TimePoint> changed_;
};

}  // namespace partyline::sfu
