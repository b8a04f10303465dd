// Where a live output may go: the allow-list of schemes, what libavformat needs for each, and URLs without secrets.
//
//   rtmp://host[:port]/app/key    rtmps://…            FLV
//   srt://host:port[?streamid=…]                       MPEG-TS, as the caller
//   file:NAME.flv|.mkv|.mp4                            below the configured directory only
//
// Thread: any; pure but for files, where the file system is asked.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace partyline::gateway {

struct OutputTarget {
  std::string url;        ///< for libavformat; carries stream keys: never log it
  std::string shown;      ///< the same without secrets
  std::string muxer;      ///< libavformat's name: "flv", "mpegts", "matroska", "mp4"
  std::string protocols;  ///< libavformat's protocol_whitelist for it
  bool tls = false;
  bool file = false;  ///< `url` is a path then
};

/// `file_directory` empty: files are refused.
core::Result<OutputTarget> parse_output_url(std::string_view url, const std::string& file_directory);

/// Scheme, host, port and the first part of the path; user names, passwords, stream keys and queries become "***".
std::string redact_url(std::string_view url);

/// The file: URL of a recording that begins `now`: ROOM-TIME.TYPE, or ROOM-TIME-LEG.TYPE of one leg.
std::string recording_url(std::string_view room, std::string_view leg, std::string_view type, std::time_t now);

/// Makes an empty file: `path`, or with "-2", "-3" … before its extension when that is taken. A recording is never
/// overwritten, and of two that begin at once each has its own. Its name; `io`: the system's words, `limit`: ten
/// thousand are taken.
core::Result<std::string> claim_file(const std::string& path);

}  // namespace partyline::gateway
