// The offers of a publisher and of a subscriber, in the narrow form that every server of the field takes: BUNDLE and
// rtcp-mux, one audio and at most one video section, one Opus and one H.264 payload type (constrained baseline,
// packetization-mode 1) with its RTX, no RED or data channel (SRS answers RED first when offered, leaves RTX out and
// refuses m=application), and simulcast only where the publisher is told to offer it.
//
// A publisher writes a=ssrc with cname and msid on both sections: SRS learns its tracks from nowhere else.
// Thread: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "rtp/sdp/description.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "whip_client/peer.hpp"

namespace partyline::whip_client {

struct Offer {
  rtp::sdp::Description description;
  std::vector<rtp::sdp::MediaCapabilities> capabilities;
  std::vector<uint32_t> ssrcs;  ///< ours, one a section
  uint32_t rtx_ssrc = 0;        ///< of the video section's repetitions
  std::vector<SimulcastLayer> simulcast;
};

enum class Role { publisher, subscriber };

/// `ssrcs`: audio's, video's and those of video's repetitions, random and different.
Offer make_offer(Role role, const PeerConfig& config, const rtp::IceDescription& ice, uint64_t session_id,
                 std::array<uint32_t, 3> ssrcs);

struct Agreement {
  std::vector<rtp::TrackConfig> tracks;
  std::vector<rtp::TrackConfig> layers;    ///< simulcast: of the video beside that of `tracks`, in the offer's order
  std::vector<core::Bitrate> layer_rates;  ///< simulcast: of all layers that were taken, the first included
  rtp::IceDescription ice;                 ///< the server's half
};

/// What the answer makes of the offer. Sections that are missing or refused are simply not there (SRS leaves out what
/// the publisher does not send); an error when nothing is left.
core::Result<Agreement> accept(const Offer& offer, Role role, std::string_view answer);

}  // namespace partyline::whip_client
