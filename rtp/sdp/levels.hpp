// What a session description says above its sections, and what its sections get of it. Private to rtp/sdp: the parser
// collects, complete() hands out. Thread: any; plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rtp/sdp/description.hpp"

namespace partyline::rtp::sdp {

/// What may stand at session level and holds for each section that does not say its own.
struct Level {
  std::string connection{};
  std::optional<Direction> direction{};
  std::optional<uint64_t> tias{}, as{};  ///< bits a second
  IceDescription ice{};
  std::vector<Extension> extensions{};
  std::vector<std::string> any_feedback{};  ///< a section's a=rtcp-fb:* lines
};

/// Gives each section of `description` what it does not say itself: from `session`, from its BUNDLE's first section,
/// from its own level (one a section in `own`, used up), and static payload types their encodings.
void complete(Description& description, const Level& session, std::vector<Level>& own);

}  // namespace partyline::rtp::sdp
