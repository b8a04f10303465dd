// The writer: the tree as text, in the order RFC 8866 §5 asks for. Values lose their control characters, so that a
// stranger's string never starts a line of its own.
#include <fmt/format.h>

#include <algorithm>

#include "rtp/sdp/description.hpp"

namespace partyline::rtp::sdp {

namespace {

class Writer {
 public:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    const size_t start = text_.size();
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_.erase(std::remove_if(text_.begin() + static_cast<ptrdiff_t>(start), text_.end(),
                               [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; }),
                text_.end());
    text_ += "\r\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view address_type(std::string_view address) {
  return address.find(':') == std::string_view::npos ? "IP4" : "IP6";
}

std::string_view word_of(Direction direction) {
  switch (direction) {
    case Direction::sendrecv:
      return "sendrecv";
    case Direction::sendonly:
      return "sendonly";
    case Direction::recvonly:
      return "recvonly";
    case Direction::inactive:
      break;
  }
  return "inactive";
}

void write_format(Writer& out, const Format& format) {
  const int type = format.payload_type;
  if (!format.encoding.empty()) {
    if (format.channels > 1) {
      out.line("a=rtpmap:{} {}/{}/{}", type, format.encoding, format.clock_rate, format.channels);
    } else {
      out.line("a=rtpmap:{} {}/{}", type, format.encoding, format.clock_rate);
    }
  }
  for (const std::string& feedback : format.feedback) out.line("a=rtcp-fb:{} {}", type, feedback);
  if (!format.fmtp.empty()) out.line("a=fmtp:{} {}", type, format.fmtp);
}

void write_ice(Writer& out, const Media& media) {
  const IceDescription& ice = media.ice;
  if (!ice.ufrag.empty()) {
    out.line("a=ice-ufrag:{}", ice.ufrag);
    out.line("a=ice-pwd:{}", ice.pwd);
  }
  if (!ice.fingerprint.empty()) out.line("a=fingerprint:{} {}", ice.fingerprint_hash, ice.fingerprint);
  if (!ice.setup.empty()) out.line("a=setup:{}", ice.setup);
}

void write_media_line(Writer& out, const Media& media) {
  std::string formats;
  if (!media.formats.empty()) {
    for (const Format& format : media.formats) formats += fmt::format(" {}", format.payload_type);
  } else {
    for (const std::string& format : media.raw_formats) formats += " " + format;
  }
  out.line("m={} {} {}{}", media.kind, media.port, media.protocol, formats);
}

void write_media(Writer& out, const Media& media, const std::string& session_connection) {
  write_media_line(out, media);
  if (!media.connection.empty() && media.connection != session_connection) {
    out.line("c=IN {} {}", address_type(media.connection), media.connection);
  }
  if (media.bandwidth) {
    out.line("b=AS:{}", (media.bandwidth->bits_per_second + 999) / 1000);
    out.line("b=TIAS:{}", media.bandwidth->bits_per_second);
  }
  if (media.rtcp_port) {
    if (media.rtcp_address.empty()) {
      out.line("a=rtcp:{}", *media.rtcp_port);
    } else {
      out.line("a=rtcp:{} IN {} {}", *media.rtcp_port, address_type(media.rtcp_address), media.rtcp_address);
    }
  }
  write_ice(out, media);
  if (!media.mid.empty()) out.line("a=mid:{}", media.mid);
  for (const Extension& extension : media.extensions) out.line("a=extmap:{} {}", extension.id, extension.uri);
  out.line("a={}", word_of(media.direction));
  if (!media.msid.empty()) out.line("a=msid:{}", media.msid);
  if (media.rtcp_mux) out.line("a=rtcp-mux");
  if (media.rtcp_reduced_size) out.line("a=rtcp-rsize");
  for (const Format& format : media.formats) write_format(out, format);
  if (media.packet_time_ms) out.line("a=ptime:{}", *media.packet_time_ms);
  for (const std::string& attribute : media.attributes) out.line("a={}", attribute);
  for (const SsrcAttribute& ssrc : media.ssrcs) out.line("a=ssrc:{} {}", ssrc.ssrc, ssrc.attribute);
  for (const std::string& candidate : media.ice.candidates) out.line("a=candidate:{}", candidate);
  if (media.end_of_candidates) out.line("a=end-of-candidates");
}

}  // namespace

Direction reversed(Direction direction) {
  if (direction == Direction::sendonly) return Direction::recvonly;
  if (direction == Direction::recvonly) return Direction::sendonly;
  return direction;
}

std::string to_string(const Description& description) {
  Writer out;
  out.line("v=0");
  out.line("o={} {} {} IN {} {}", description.origin_user, description.session_id, description.session_version,
           address_type(description.origin_address), description.origin_address);
  // RFC 8866 §5.3: s= must not be empty.
  out.line("s={}", description.session_name.empty() ? "-" : description.session_name);
  if (!description.connection.empty()) {
    out.line("c=IN {} {}", address_type(description.connection), description.connection);
  }
  out.line("t=0 0");
  if (description.ice_lite) out.line("a=ice-lite");
  if (!description.bundle.empty()) {
    std::string mids;
    for (const std::string& mid : description.bundle) mids += " " + mid;
    out.line("a=group:BUNDLE{}", mids);
  }
  for (const std::string& attribute : description.attributes) out.line("a={}", attribute);
  for (const Media& media : description.media) write_media(out, media, description.connection);
  return out.take();
}

}  // namespace partyline::rtp::sdp
