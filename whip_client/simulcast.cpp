#include "whip_client/simulcast.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/random.hpp"
#include "rtp/sdp/section.hpp"

namespace partyline::whip_client {
namespace {

constexpr uint8_t kRidId = 10, kRepairedId = 11;  // Chromium's

std::string_view cut(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

/// "simulcast:recv h;~m,x;l": of alternatives any counts, and so does what is paused for a start.
bool lists(std::string_view line, const std::string& rid) {
  constexpr std::string_view kHead = "simulcast:recv ";
  if (!line.starts_with(kHead)) return false;
  line.remove_prefix(kHead.size());
  std::string_view list = cut(line, ' ');
  while (!list.empty()) {
    std::string_view alternatives = cut(list, ';');
    while (!alternatives.empty()) {
      std::string_view each = cut(alternatives, ',');
      if (each.starts_with('~')) each.remove_prefix(1);
      if (each == rid) return true;
    }
  }
  return false;
}

uint8_t extension_id(const rtp::sdp::Media& section, std::string_view uri, uint8_t ours) {
  const auto found = std::ranges::find(section.extensions, uri, &rtp::sdp::Extension::uri);
  return found != section.extensions.end() && found->id == ours ? ours : uint8_t{0};
}

}  // namespace

void offer_simulcast(const std::vector<SimulcastLayer>& layers, rtp::sdp::Media& section) {
  section.extensions.push_back({kRidId, std::string(rtp::sdp::rid_uri)});
  section.extensions.push_back({kRepairedId, std::string(rtp::sdp::repaired_rid_uri)});
  std::string list;
  for (const SimulcastLayer& layer : layers) {
    section.attributes.push_back(fmt::format("rid:{} send max-width={};max-height={};max-fps={};max-br={}", layer.rid,
                                             layer.size.width, layer.size.height, layer.frames_per_second,
                                             layer.bitrate.bits_per_second));
    list += (list.empty() ? "" : ";") + layer.rid;
  }
  section.attributes.push_back("simulcast:send " + list);
}

std::vector<rtp::TrackConfig> agreed_layers(const std::vector<SimulcastLayer>& layers, const rtp::sdp::Media& answer,
                                            const rtp::TrackConfig& video) {
  std::vector<rtp::TrackConfig> result;
  const uint8_t rid_extension = extension_id(answer, rtp::sdp::rid_uri, kRidId);
  if (rid_extension == 0) return {};
  for (const SimulcastLayer& layer : layers) {
    const auto takes = [&](const std::string& line) { return lists(line, layer.rid); };
    if (std::ranges::none_of(answer.attributes, takes)) break;
    rtp::TrackConfig& track = result.emplace_back(video);
    track.rid = layer.rid;
    track.rid_extension = rid_extension;
    track.repaired_rid_extension = extension_id(answer, rtp::sdp::repaired_rid_uri, kRepairedId);
    if (result.size() == 1) continue;
    track.local_ssrc = core::random_u32() | 1;
    track.local_rtx_ssrc = track.local_ssrc ^ 2;
  }
  if (result.size() < 2) return {};
  return result;
}

}  // namespace partyline::whip_client
