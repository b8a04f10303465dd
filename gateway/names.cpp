#include "gateway/names.hpp"

#include <algorithm>

namespace partyline::gateway {
namespace {
constexpr std::string_view kMix = "mix";
constexpr std::string_view kMixFor = "mix~";
constexpr std::string_view kScreen = "~screen";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '~' || c == '-';
}
}  // namespace

bool is_valid_name(std::string_view name) {
  // "." and ".." would mean something else in a URL path.
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

bool is_mix_stream(std::string_view stream) {
  return stream == kMix || stream.starts_with(kMixFor);
}

std::string_view listener_of(std::string_view stream) {
  return stream.starts_with(kMixFor) ? stream.substr(kMixFor.size()) : std::string_view();
}

bool is_screen_stream(std::string_view stream) {
  return stream.size() > kScreen.size() && stream.ends_with(kScreen);
}

std::string_view sharer_of(std::string_view stream) {
  return is_screen_stream(stream) ? stream.substr(0, stream.size() - kScreen.size()) : std::string_view();
}

std::string mix_stream_for(std::string_view listener) {
  return listener.empty() ? std::string(kMix) : std::string(kMixFor) + std::string(listener);
}

bool matches_any(std::string_view name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
  });
}

std::string expand_url(std::string_view pattern, std::string_view room, std::string_view stream) {
  std::string url(pattern);
  const auto replace = [&url](std::string_view what, std::string_view with) {
    for (size_t at = url.find(what); at != std::string::npos; at = url.find(what, at + with.size()))
      url.replace(at, what.size(), with);
  };
  replace("{room}", room);
  replace("{stream}", stream);
  return url;
}

}  // namespace partyline::gateway
