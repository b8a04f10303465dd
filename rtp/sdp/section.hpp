// What one m= section of the peer means to us, whichever side offered: transport facts, direction, extensions, SSRCs.
// Shared by the answerer and the offerer's side of negotiation. Thread: pure functions.
#pragma once

#include <string>

#include "rtp/sdp/negotiation.hpp"

namespace partyline::rtp::sdp {

constexpr std::string_view transport_cc_uri =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
constexpr std::string_view audio_level_uri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
constexpr std::string_view mid_uri = "urn:ietf:params:rtp-hdrext:sdes:mid";
constexpr std::string_view rid_uri = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
constexpr std::string_view repaired_rid_uri = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// A member of the description's BUNDLE group (RFC 9143).
bool is_bundled(const Description& description, const Media& media);
/// A section with port 0 is disabled or refused, unless it only waits for its BUNDLE (RFC 9143 §6, a=bundle-only).
bool is_disabled(const Description& description, const Media& media);
bool sends(Direction direction);
bool receives(Direction direction);
Direction direction_of(bool sending, bool receiving);
/// Both at once: sendrecv ∩ recvonly = recvonly.
Direction common(Direction a, Direction b);
/// What the peer is willing to do. An address of zeros outside ICE is the old way to say hold (RFC 3264 §8.4): it wants
/// nothing sent.
Direction direction_of_peer(const Media& media);

/// Our a=rtcp-xr (RFC 3611 §5.1): round trips for who sends nothing (RRTR, answered by DLRR) are agreed on by both;
/// summaries that a peer asks for are named again, for it to know which of them will come. Empty: neither.
std::string extended_reports_attribute(bool receiver_reference, const StatisticsWish& statistics);

std::string_view name_of(core::MediaKind kind);
bool is_secure(std::string_view protocol);

/// Why the section's protocol cannot be used with these capabilities, in words; empty when it can.
std::string protocol_refusal(const Media& media, const MediaCapabilities& capabilities);

/// Everything of the result but the formats: `direction` is ours.
NegotiatedMedia section_facts(const Description& peer, size_t index, const MediaCapabilities& capabilities,
                              Direction direction);

/// Clears the feedback that the capabilities do not want or the kind has no use for.
void agree_feedback(PayloadFormat& format, const MediaCapabilities& capabilities, uint8_t transport_cc_extension);
/// The reverse: an agreed format's a=rtcp-fb values.
std::vector<std::string> feedback_lines(const PayloadFormat& format);

/// The peer's a=ptime as a packet time that our encoders make.
uint32_t packet_time(const Media& media, core::Codec codec);

/// Writes our transport's words into a section of ours: address, ICE and DTLS, msid and SSRC.
void write_transport(Media& section, const LocalTransport& transport);

}  // namespace partyline::rtp::sdp
