#include "rtp/sdp/levels.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rtp/sdp/section.hpp"

namespace partyline::rtp::sdp {

namespace {

struct StaticFormat {
  uint8_t payload_type;
  const char* encoding;
  uint32_t clock_rate;
  uint8_t channels;
};
// RFC 3551 tables 4 and 5.
constexpr std::array static_formats{
    StaticFormat{0, "PCMU", 8000, 1},   StaticFormat{3, "GSM", 8000, 1},    StaticFormat{4, "G723", 8000, 1},
    StaticFormat{5, "DVI4", 8000, 1},   StaticFormat{6, "DVI4", 16000, 1},  StaticFormat{7, "LPC", 8000, 1},
    StaticFormat{8, "PCMA", 8000, 1},   StaticFormat{9, "G722", 8000, 1},   StaticFormat{10, "L16", 44100, 2},
    StaticFormat{11, "L16", 44100, 1},  StaticFormat{12, "QCELP", 8000, 1}, StaticFormat{13, "CN", 8000, 1},
    StaticFormat{14, "MPA", 90000, 1},  StaticFormat{15, "G728", 8000, 1},  StaticFormat{16, "DVI4", 11025, 1},
    StaticFormat{17, "DVI4", 22050, 1}, StaticFormat{18, "G729", 8000, 1},  StaticFormat{25, "CelB", 90000, 1},
    StaticFormat{26, "JPEG", 90000, 1}, StaticFormat{28, "nv", 90000, 1},   StaticFormat{31, "H261", 90000, 1},
    StaticFormat{32, "MPV", 90000, 1},  StaticFormat{33, "MP2T", 90000, 1}, StaticFormat{34, "H263", 90000, 1},
};

// One transport for a BUNDLE group, described in its first section only where the others are a=bundle-only (RFC 9143
// §7.1.3). Its candidates stay where they are: they are told once.
void share_transport(Description& description) {
  if (description.bundle.empty()) return;
  const auto tagged = std::ranges::find(description.media, description.bundle.front(), &Media::mid);
  if (tagged == description.media.end()) return;
  const IceDescription& shared = tagged->ice;
  for (Media& section : description.media) {
    if (!is_bundled(description, section)) continue;
    IceDescription& ice = section.ice;
    const bool waits = std::ranges::find(section.attributes, "bundle-only") != section.attributes.end();
    const bool same = !shared.ufrag.empty() && (ice.ufrag.empty() || ice.ufrag == shared.ufrag);
    if (waits || same) {
      section.rtcp_mux = section.rtcp_mux || tagged->rtcp_mux;
      section.rtcp_reduced_size = section.rtcp_reduced_size || tagged->rtcp_reduced_size;
    }
    if (ice.ufrag.empty()) {
      ice.ufrag = shared.ufrag;
      ice.pwd = shared.pwd;
    }
    if (ice.fingerprint.empty()) {
      ice.fingerprint_hash = shared.fingerprint_hash;
      ice.fingerprint = shared.fingerprint;
    }
    if (ice.setup.empty()) ice.setup = shared.setup;
  }
}

void inherit(Media& section, const Level& session, Level& own, bool ice_lite) {
  section.connection = own.connection.empty() ? session.connection : std::move(own.connection);
  section.direction = own.direction.value_or(session.direction.value_or(Direction::sendrecv));
  auto bits = own.tias ? own.tias : own.as;
  if (!bits) bits = session.tias ? session.tias : session.as;
  if (bits) section.bandwidth = core::Bitrate{static_cast<int64_t>(*bits)};
  const auto own_or = [](std::string& mine, const std::string& theirs) { return mine.empty() ? theirs : mine; };
  IceDescription& ice = section.ice;
  ice.ufrag = own_or(own.ice.ufrag, session.ice.ufrag);
  ice.pwd = own_or(own.ice.pwd, session.ice.pwd);
  ice.setup = own_or(own.ice.setup, session.ice.setup);
  const IceDescription& named = own.ice.fingerprint.empty() ? session.ice : own.ice;
  ice.fingerprint_hash = named.fingerprint_hash;
  ice.fingerprint = named.fingerprint;
  ice.lite = ice_lite;
  ice.candidates = std::move(own.ice.candidates);
  section.extensions = own.extensions.empty() ? session.extensions : std::move(own.extensions);
}

void finish_format(Format& format, const std::vector<std::string>& any_feedback) {
  if (format.encoding.empty()) {
    const auto found = std::ranges::find(static_formats, format.payload_type, &StaticFormat::payload_type);
    if (found != static_formats.end()) {
      format.encoding = found->encoding;
      format.clock_rate = found->clock_rate;
      format.channels = found->channels;
    }
  }
  for (const std::string& feedback : any_feedback) {
    if (std::ranges::find(format.feedback, feedback) == format.feedback.end()) format.feedback.push_back(feedback);
  }
}

}  // namespace

void complete(Description& description, const Level& session, std::vector<Level>& own) {
  description.connection = session.connection;
  for (size_t i = 0; i < description.media.size(); ++i) {
    Media& section = description.media[i];
    inherit(section, session, own[i], description.ice_lite);
    for (Format& format : section.formats) finish_format(format, own[i].any_feedback);
  }
  share_transport(description);
}

}  // namespace partyline::rtp::sdp
