// Simulcast of a publisher (RFC 8853): what its offer says of the layers, and which of them the answer takes. Thread:
// pure functions.
//
//   a=rid:h send max-width=1280;max-height=720;max-fps=30;max-br=2000000      one a layer, largest first (RFC 8851)
//   a=simulcast:send h;m;l                                                   answer: a=simulcast:recv h;m;l
#pragma once

#include <string>
#include <vector>

#include "core/frame.hpp"
#include "rtp/format.hpp"
#include "rtp/sdp/description.hpp"

namespace partyline::whip_client {

struct SimulcastLayer {
  std::string rid;  ///< at most 8 letters and digits
  core::VideoSize size;
  int frames_per_second = 30;
  core::Bitrate bitrate;
};

void offer_simulcast(const std::vector<SimulcastLayer>& layers, rtp::sdp::Media& section);

/// The tracks of the layers that the answer takes, in our order and up to the first that it does not take, made from
/// the agreed `video` track; nothing where it takes fewer than two: then `video` alone is sent. The first keeps the
/// track's SSRCs. Where transport-cc is agreed all of them carry it, in the numbers of the one transport.
std::vector<rtp::TrackConfig> agreed_layers(const std::vector<SimulcastLayer>& layers, const rtp::sdp::Media& answer,
                                            const rtp::TrackConfig& video);

}  // namespace partyline::whip_client
