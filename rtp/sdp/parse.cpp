// The parser: one pass over the lines; each line type and each attribute is one row of a table. Session-level values
// are collected first and given to the sections that do not say their own at the end, by complete() (RFC 8866 §5, §6).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/log.hpp"
#include "rtp/sdp/description.hpp"
#include "rtp/sdp/levels.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::rtp::sdp {

namespace {

using core::Error;
using core::ErrorCode;
using core::make_error;
using core::Result;
using text::next_word;
using text::number;
using text::trim;

constexpr size_t max_text = 64 * 1024;
constexpr size_t max_sections = 32;
constexpr size_t max_formats = 64;
constexpr size_t max_feedback = 32;  // a format; "*" lines are copied to each, so this bounds the copies
constexpr size_t max_extensions = 64;
constexpr size_t max_credential = 256;  // RFC 8839 §5.4: ufrag and pwd have at most 256 characters
constexpr uint64_t max_bits_per_second = 100'000'000'000;

class Parser {
 public:
  Result<Description> run(std::string_view input) {
    if (input.size() > max_text) return make_error(ErrorCode::limit, "the SDP is longer than 64 KiB");
    while (!input.empty()) {
      ++line_number_;
      std::string_view line = text::next_field(input, '\n');
      while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty()) continue;
      if (line.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos)
        return at_line("control character");
      if (line.size() < 2 || line[1] != '=') {
        return at_line(fmt::format("\"{}\" is not of the form x=value", core::printable(line)));
      }
      if (Result<> done = take(line[0], line.substr(2)); !done) return done.error();
    }
    if (!version_seen_) return make_error(ErrorCode::invalid, "the SDP has no v= line");
    complete(description_, session_, levels_);
    return std::move(description_);
  }

 private:
  Error at_line(std::string_view what, ErrorCode code = ErrorCode::invalid) const {
    return make_error(code, fmt::format("SDP line {}: {}", line_number_, what));
  }

  Level& level() { return description_.media.empty() ? session_ : levels_.back(); }
  Media* media() { return description_.media.empty() ? nullptr : &description_.media.back(); }

  Result<> take(char type, std::string_view value) {
    if (!version_seen_ && type != 'v') return at_line("the first line is not v=0");
    switch (type) {
      case 'v':
        if (trim(value) != "0") return at_line("the version is not 0");
        version_seen_ = true;
        return {};
      case 'o':
        return take_origin(value);
      case 's':
        description_.session_name = value;
        return {};
      case 'c':
        return take_connection(value);
      case 'b':
        take_bandwidth(value);
        return {};
      case 'm':
        return take_media(value);
      case 'a':
        return take_attribute(value);
      default:
        return {};  // i, u, e, p, t, r, z, k and what is yet to come mean nothing to a call
    }
  }

  // o=<user> <id> <version> IN IP4|IP6 <address>
  Result<> take_origin(std::string_view rest) {
    std::array<std::string_view, 6> words;
    for (auto& word : words) word = next_word(rest);
    if (words[5].empty()) return at_line("o= has fewer than six fields");
    description_.origin_user = words[0];
    // Identifiers beyond 64 bits are seen in the wild; they only have to be compared, so zero does no harm.
    description_.session_id = number<uint64_t>(words[1]).value_or(0);
    description_.session_version = number<uint64_t>(words[2]).value_or(0);
    description_.origin_address = words[5];
    return {};
  }

  // c=IN IP4 <address>[/ttl[/count]]
  Result<> take_connection(std::string_view rest) {
    const auto network = next_word(rest), type = next_word(rest);
    std::string_view address = next_word(rest);
    if (network != "IN" || (type != "IP4" && type != "IP6") || address.empty()) {
      return at_line("c= is not \"IN IP4|IP6 address\"");
    }
    level().connection = text::next_field(address, '/');
    return {};
  }

  void take_bandwidth(std::string_view value) {
    const auto type = text::next_field(value, ':');
    const auto amount = number<uint64_t>(trim(value));
    if (!amount || *amount == 0) return;  // b=AS:0 comes with hold, where the direction says the same
    if (type == "TIAS") level().tias = std::min(*amount, max_bits_per_second);
    if (type == "AS") level().as = std::min(*amount, max_bits_per_second / 1000) * 1000;
  }

  // m=<kind> <port>[/count] <protocol> <format> …: printable all through but for tabs between (RFC 8866 §9, token).
  // What is refused is written back, without such bytes, and must mean the same to whoever reads it.
  Result<> take_media(std::string_view rest) {
    if (!std::ranges::all_of(rest, [](unsigned char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; })) {
      return at_line("m= has bytes that are not printable");
    }
    if (description_.media.size() >= max_sections) return at_line("more than 32 media sections", ErrorCode::limit);
    Media section;
    section.kind = next_word(rest);
    std::string_view ports = next_word(rest);
    const auto port = number<uint16_t>(text::next_field(ports, '/'));
    section.protocol = next_word(rest);
    if (section.protocol.empty()) return at_line("m= has fewer than three fields");
    if (!port) return at_line("the port of m= is not a number from 0 to 65535");
    section.port = *port;
    while (!rest.empty()) {
      if (section.raw_formats.size() >= max_formats) return at_line("more than 64 formats", ErrorCode::limit);
      section.raw_formats.emplace_back(next_word(rest));
    }
    if (section.protocol.find("RTP/") != std::string::npos) {
      if (Result<> done = take_payload_types(section); !done) return done.error();
    }
    description_.media.push_back(std::move(section));
    levels_.emplace_back();
    return {};
  }

  Result<> take_payload_types(Media& section) const {
    for (const std::string& word : section.raw_formats) {
      const auto type = number<uint8_t>(word);
      if (!type || *type > 127) {
        return at_line(fmt::format("payload type \"{}\" is not a number from 0 to 127", core::printable(word)));
      }
      if (find_format(section, *type)) continue;  // listed twice: the first place counts
      Format format;
      format.payload_type = *type;
      section.formats.push_back(std::move(format));
    }
    return {};
  }

  static Format* find_format(Media& section, uint8_t type) {
    const auto found = std::ranges::find(section.formats, type, &Format::payload_type);
    return found == section.formats.end() ? nullptr : &*found;
  }

  Result<> take_attribute(std::string_view line) {
    std::string_view value = line;
    const std::string_view name = text::next_field(value, ':');
    value = trim(value);
    if (take_direction(name) || take_ice(name, value)) return {};
    if (name == "extmap") return take_extension(value);
    if (!media()) return take_session_attribute(name, value, line);
    if (name == "rtpmap") return take_rtpmap(value);
    if (name == "fmtp") return take_fmtp(value);
    if (name == "rtcp-fb") return take_feedback(value);
    if (name == "ssrc") return take_ssrc(value);
    if (name == "rtcp") return take_rtcp(value);
    return take_section_attribute(*media(), name, value, line);
  }

  Result<> take_session_attribute(std::string_view name, std::string_view value, std::string_view line) {
    if (name == "group" && value.starts_with("BUNDLE") && description_.bundle.empty()) {
      next_word(value);
      while (!value.empty() && description_.bundle.size() < max_sections) {
        description_.bundle.emplace_back(next_word(value));
      }
    } else {
      description_.attributes.emplace_back(line);
    }
    return {};
  }

  static Result<> take_section_attribute(Media& section, std::string_view name, std::string_view value,
                                         std::string_view line) {
    if (name == "mid") {
      section.mid = value.substr(0, max_credential);
    } else if (name == "rtcp-mux") {
      section.rtcp_mux = true;
    } else if (name == "rtcp-rsize") {
      section.rtcp_reduced_size = true;
    } else if (name == "msid" && section.msid.empty()) {
      section.msid = value;
    } else if (name == "ptime" && number<uint32_t>(value)) {
      section.packet_time_ms = number<uint32_t>(value);
    } else if (name == "end-of-candidates") {
      section.end_of_candidates = true;
    } else {
      section.attributes.emplace_back(line);
    }
    return {};
  }

  bool take_direction(std::string_view name) {
    if (name == "sendrecv") {
      level().direction = Direction::sendrecv;
    } else if (name == "sendonly") {
      level().direction = Direction::sendonly;
    } else if (name == "recvonly") {
      level().direction = Direction::recvonly;
    } else if (name == "inactive") {
      level().direction = Direction::inactive;
    } else {
      return false;
    }
    return true;
  }

  bool take_ice(std::string_view name, std::string_view value) {
    IceDescription& ice = level().ice;
    if (name == "ice-ufrag") {
      ice.ufrag = value.substr(0, max_credential);
    } else if (name == "ice-pwd") {
      ice.pwd = value.substr(0, max_credential);
    } else if (name == "candidate") {
      ice.candidates.emplace_back(value);
    } else if (name == "setup") {
      ice.setup = value.substr(0, 16);
    } else if (name == "ice-lite") {
      description_.ice_lite = true;
    } else if (name == "fingerprint") {
      const std::string_view hash = next_word(value);
      // Several may stand there (RFC 8122 §5); the one that everybody can check is preferred.
      if (ice.fingerprint.empty() || text::equals_ignoring_case(hash, "sha-256")) {
        ice.fingerprint_hash = text::to_lower(hash.substr(0, 32));
        ice.fingerprint = value.substr(0, 256);
      }
    } else {
      return false;
    }
    return true;
  }

  // a=extmap:<id>[/direction] <uri> [attributes]; ids above 255 are RFC 8285 §7's placeholders
  Result<> take_extension(std::string_view value) {
    std::string_view head = next_word(value);
    const auto id = number<uint8_t>(text::next_field(head, '/'));
    const auto uri = next_word(value);
    if (id && *id > 0 && !uri.empty() && level().extensions.size() < max_extensions) {
      level().extensions.push_back({*id, std::string(uri.substr(0, 256))});
    }
    return {};
  }

  /// The format that an attribute like "<payload type> …" speaks of; null when the m= line does not list it.
  Format* format_of(std::string_view& value) {
    const auto type = number<uint8_t>(next_word(value));
    return type ? find_format(*media(), *type) : nullptr;
  }

  // a=rtpmap:<type> <encoding>/<clock>[/<channels>]
  Result<> take_rtpmap(std::string_view value) {
    Format* format = format_of(value);
    if (!format || !format->encoding.empty()) return {};
    const std::string_view encoding = text::next_field(value, '/');
    const auto clock = number<uint32_t>(trim(text::next_field(value, '/')));
    if (encoding.empty() || !clock || *clock == 0) return at_line("a=rtpmap is not \"type encoding/clock\"");
    format->encoding = encoding;
    format->clock_rate = *clock;
    format->channels = std::max<uint8_t>(1, number<uint8_t>(trim(value)).value_or(1));
    return {};
  }

  Result<> take_fmtp(std::string_view value) {
    if (Format* format = format_of(value)) {
      if (!format->fmtp.empty()) format->fmtp += ';';
      format->fmtp += value;
    }
    return {};
  }

  Result<> take_feedback(std::string_view value) {
    if (value.starts_with("* ")) {
      next_word(value);
      auto& any_feedback = levels_.back().any_feedback;
      if (any_feedback.size() < max_feedback) any_feedback.emplace_back(value);
    } else if (Format* format = format_of(value)) {
      if (format->feedback.size() < max_feedback) format->feedback.emplace_back(value);
    }
    return {};
  }

  Result<> take_ssrc(std::string_view value) {
    if (const auto ssrc = number<uint32_t>(next_word(value))) media()->ssrcs.push_back({*ssrc, std::string(value)});
    return {};
  }

  // a=rtcp:<port> [IN IP4|IP6 <address>] (RFC 3605)
  Result<> take_rtcp(std::string_view value) {
    media()->rtcp_port = number<uint16_t>(next_word(value));
    next_word(value);
    next_word(value);
    media()->rtcp_address = next_word(value);
    return {};
  }

  Description description_;
  Level session_;
  std::vector<Level> levels_;  // one a section
  bool version_seen_ = false;
  size_t line_number_ = 0;
};

}  // namespace

Result<Description> parse(std::string_view input) {
  return Parser().run(input);
}

}  // namespace partyline::rtp::sdp
