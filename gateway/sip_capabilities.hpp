// What a SIP leg offers and accepts. Pure data.
#pragma once

#include "rtp/sdp/negotiation.hpp"

namespace partyline::gateway {

/// Audio first, then video; in our order of preference. `stereo`: for a music room.
std::vector<rtp::sdp::MediaCapabilities> sip_capabilities(bool stereo = false);

/// A description of them without transports, for OPTIONS.
std::string sip_capabilities_sdp(const std::string& address);

}  // namespace partyline::gateway
