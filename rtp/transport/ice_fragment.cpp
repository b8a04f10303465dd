#include "rtp/transport/ice_fragment.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

bool is_credential(std::string_view text, size_t shortest) {
  return text.size() >= shortest && text.size() <= 256 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
         });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

void read_line(std::string_view line, IceDescription& into) {
  const auto value_of = [line](std::string_view name) {
    return line.starts_with(name) ? line.substr(name.size()) : std::string_view();
  };
  if (line == "a=ice-lite") into.lite = true;
  if (into.ufrag.empty()) into.ufrag = value_of("a=ice-ufrag:");
  if (into.pwd.empty()) into.pwd = value_of("a=ice-pwd:");
  const std::string_view candidate = value_of("a=candidate:");
  if (!candidate.empty() && into.candidates.size() < kMaxFragmentCandidates) into.candidates.emplace_back(candidate);
}

}  // namespace

std::string write_ice_fragment(const IceDescription& local, std::string_view kind, std::string_view mid) {
  std::string text = local.lite ? "a=ice-lite\r\n" : "";
  text += "a=ice-options:ice2\r\nm=" + std::string(kind) + " 9 UDP/TLS/RTP/SAVPF 0\r\n";
  if (!mid.empty()) text += "a=mid:" + std::string(mid) + "\r\n";
  text += "a=ice-ufrag:" + local.ufrag + "\r\na=ice-pwd:" + local.pwd + "\r\n";
  for (const std::string& candidate : local.candidates) text += "a=candidate:" + candidate + "\r\n";
  return text + "a=end-of-candidates\r\n";
}

IceDescription parse_ice_fragment(std::string_view text) {
  IceDescription result;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    read_line(trimmed(text.substr(0, end)), result);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

bool has_ice_credentials(const IceDescription& description) {
  return is_credential(description.ufrag, 4) && is_credential(description.pwd, 22);
}

}  // namespace partyline::rtp
