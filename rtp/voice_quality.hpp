// The E-model (ITU-T G.107) with everything but codec, loss and delay at its default: how good a voice is for who hears
// it. Codec figures of G.113 Appendix I (Opus: as measured for its in-band FEC and concealment). Thread: pure
// functions.
#pragma once

#include "core/frame.hpp"
#include "core/time.hpp"

namespace partyline::rtp {

/// R, 0…100. `lost`: share 0…1 that had to be made up or is missing; `delay`: mouth to ear, one way.
double transmission_rating(core::Codec codec, double lost, core::Duration delay);
/// Mouth to ear at present: the peer's own microphone path, half a round trip, and how long it waits until it is
/// played.
core::Duration mouth_to_ear(core::Duration round_trip, core::Duration playout);
/// The mean opinion score, 1…4.5, that people give at a rating (Annex B).
double opinion_score(double rating);

}  // namespace partyline::rtp
