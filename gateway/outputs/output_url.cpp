#include "gateway/outputs/output_url.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/url.hpp>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/log.hpp"

namespace partyline::gateway {

namespace {

namespace fs = std::filesystem;
using core::ErrorCode;
using core::make_error;

struct Scheme {
  std::string_view name, muxer, protocols;
  bool tls;
};
constexpr std::array schemes{
    Scheme{"rtmp", "flv", "rtmp,tcp", false},
    Scheme{"rtmps", "flv", "rtmps,tls,tcp", true},
    Scheme{"srt", "mpegts", "srt", false},
};

struct FileType {
  std::string_view extension, muxer;
};
constexpr std::array file_types{
    FileType{".flv", "flv"},
    FileType{".mkv", "matroska"},
    FileType{".mp4", "mp4"},
};

core::Result<OutputTarget> file_target(const boost::urls::url_view& url, const std::string& directory) {
  if (directory.empty()) {
    return make_error(ErrorCode::forbidden, "file outputs are switched off: no directory for them is configured");
  }
  const fs::path name = std::string(url.path());
  const auto type = std::ranges::find(file_types, name.extension().string(), &FileType::extension);
  if (type == file_types.end()) return make_error(ErrorCode::unsupported, "a file output ends in .flv, .mkv or .mp4");
  std::error_code failure;
  fs::path base = fs::weakly_canonical(directory, failure);
  if (failure || base.empty()) return make_error(ErrorCode::forbidden, "the directory for file outputs cannot be read");
  if (!base.has_filename()) base = base.parent_path();               // a trailing slash is no part of its own
  const fs::path path = fs::weakly_canonical(base / name, failure);  // an absolute name replaces the base
  const auto [rest, unused] = std::mismatch(base.begin(), base.end(), path.begin(), path.end());
  if (failure || rest != base.end()) {
    return make_error(ErrorCode::forbidden, "the file lies outside the directory for file outputs");
  }
  OutputTarget target;
  target.url = path.string();
  target.shown = "file:" + core::printable(path.string());
  target.muxer = type->muxer;
  target.protocols = "file";
  target.file = true;
  return target;
}

/// SRT's mode=listener would open a port of ours to anybody who can name a URL.
bool asks_to_listen(const boost::urls::url_view& url) {
  return std::ranges::any_of(url.params(), [](const auto& param) {
    return (param.key == "mode" && param.value != "caller") || param.key == "listen";
  });
}

}  // namespace

core::Result<OutputTarget> parse_output_url(std::string_view text, const std::string& file_directory) {
  const auto parsed = boost::urls::parse_uri(text.substr(0, 2048));
  if (!parsed || text.size() > 2048) {
    return make_error(ErrorCode::invalid, "the output is not a URL like rtmp://host/app/key");
  }
  const boost::urls::url_view url = *parsed;
  if (url.scheme() == "file") return file_target(url, file_directory);
  const auto scheme = std::ranges::find(schemes, std::string_view(url.scheme()), &Scheme::name);
  if (scheme == schemes.end()) {
    return make_error(ErrorCode::unsupported, fmt::format("outputs go to rtmp, rtmps, srt or file URLs, not to {}",
                                                          core::printable(std::string(url.scheme()))));
  }
  // libsrt takes its options from the first '?' it finds, wherever that is.
  if (url.has_fragment()) return make_error(ErrorCode::invalid, "an output's URL has no fragment (#…)");
  if (url.host().empty()) return make_error(ErrorCode::invalid, "the output's URL names no host");
  if (url.has_port() && url.port_number() == 0) return make_error(ErrorCode::invalid, "the output's port is not one");
  if (scheme->name == "srt" && !url.has_port()) return make_error(ErrorCode::invalid, "an srt URL needs a port");
  if (asks_to_listen(url)) return make_error(ErrorCode::forbidden, "an output calls; it does not listen");
  if (scheme->muxer == "flv" && url.segments().size() < 2 && !url.has_query()) {
    return make_error(ErrorCode::invalid, "an rtmp URL names an application and a stream: rtmp://host/app/key");
  }
  OutputTarget target;
  target.url = text;
  target.shown = redact_url(text);
  target.muxer = scheme->muxer;
  target.protocols = scheme->protocols;
  target.tls = scheme->tls;
  return target;
}

std::string redact_url(std::string_view text) {
  const size_t mark = text.find("://");
  if (mark == std::string_view::npos) return text.starts_with("file:") ? core::printable(text) : "***";
  const std::string_view scheme = text.substr(0, mark);
  if (scheme == "file") return core::printable(text);
  std::string_view rest = text.substr(mark + 3);
  const size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  rest = rest.substr(authority_end);
  std::string shown = std::string(scheme) + "://";
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    shown += "***@";
    authority = authority.substr(at + 1);
  }
  shown += authority;
  if (!rest.starts_with('/')) return core::printable(rest.empty() ? shown : shown + "?***");
  const size_t key = std::min(rest.find_first_of("/?#", 1), rest.size());
  shown += rest.substr(0, key);
  rest = rest.substr(key);
  return core::printable(rest.size() <= 1 ? shown : shown + rest[0] + "***");
}

std::string recording_url(std::string_view room, std::string_view leg, std::string_view type, std::time_t now) {
  return fmt::format("file:{}-{:%Y%m%dT%H%M%SZ}{}{}.{}", room, fmt::gmtime(now), leg.empty() ? "" : "-", leg, type);
}

core::Result<std::string> claim_file(const std::string& path) {
  constexpr int kMostOfAName = 10'000;
  constexpr mode_t kMode = 0666;  // less what the umask takes
  const fs::path wanted = path;
  std::string name = path;
  for (int i = 2; i <= kMostOfAName; ++i) {
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
    if (file >= 0) {
      ::close(file);
      return name;
    }
    if (errno != EEXIST) return make_error(ErrorCode::io, std::generic_category().message(errno));
    name = (wanted.parent_path() / fmt::format("{}-{}{}", wanted.stem().string(), i, wanted.extension().string()))
               .string();
  }
  return make_error(ErrorCode::limit, "there are too many files of this name");
}

}  // namespace partyline::gateway
