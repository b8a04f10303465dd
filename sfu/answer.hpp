// The SFU's side of offer/answer: which sections and codecs of a WHIP or WHEP offer are taken. Pure.
// RTX is taken where it is offered: without it lost packets are sent again under their own number, as those of audio
// always are. RED is taken around Opus (RFC 2198); FEC never.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "sfu/track_formats.hpp"

namespace partyline::sfu {

/// An offer that can be answered as soon as there is a transport.
struct AnswerDraft {
  rtp::sdp::Description offer;
  rtp::sdp::AnswerPlan plan;
  rtp::IceDescription remote_ice;
};

struct PublishDraft : AnswerDraft {
  PublisherFormats formats;
};

struct PlayDraft : AnswerDraft {
  PlayerFormats formats;
};

/// `invalid`: no SDP, no ICE, no DTLS fingerprint; `unsupported`: nothing in it that we take.
core::Result<PublishDraft> draft_for_publisher(std::string_view offer, const std::vector<core::Codec>& video_codecs);
/// `publisher`: what is being published now; without one (or without video) every codec of `video_codecs` that the
/// player knows is kept, so that whoever comes later can be played.
core::Result<PlayDraft> draft_for_player(std::string_view offer, const std::vector<core::Codec>& video_codecs,
                                         const std::optional<PublisherFormats>& publisher);

/// The answer's text. `players` have SSRCs, a CNAME and a=msid with `stream_id`.
std::string write_publish_answer(const PublishDraft& draft, const rtp::IceDescription& local, uint64_t session_id);
std::string write_play_answer(const PlayDraft& draft, const rtp::IceDescription& local, uint64_t session_id,
                              const std::string& stream_id);

}  // namespace partyline::sfu
