// What a WHIP server may answer: first line Location, the rest a Link header, or the fragment of an ICE restart.
// Whatever comes out can be put into a request line, and the numbers of ICE servers and candidates are bounded.
#include <cstdlib>
#include <string_view>

#include "rtp/transport/ice_fragment.hpp"
#include "whip_client/resource_rules.hpp"

using namespace partyline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string_view location = text.substr(0, line);
  const auto url = whip_client::resolve("https://sfu.example:8443/rtc/v1/whip/?app=a&stream=b", location);
  if (url && (url->find_first_of(" \r\n\t") != std::string::npos || url->find("://") == std::string::npos))
    std::abort();
  if (url) (void)whip_client::same_origin(*url, whip_client::host_of(*url));
  const std::string link(line == std::string_view::npos ? text : text.substr(line + 1));
  if (whip_client::ice_servers_of({{"Link", link}}).size() > whip_client::kMaxIceServers) std::abort();
  const auto restart = whip_client::restart_answer({200, {}, std::string(text), {}});
  if (const auto* half = std::get_if<rtp::IceDescription>(&restart)) {
    if (!has_ice_credentials(*half) || half->candidates.size() > rtp::kMaxFragmentCandidates) std::abort();
    if (rtp::parse_ice_fragment(rtp::write_ice_fragment(*half, "audio", "0")).candidates != half->candidates)
      std::abort();
  }
  return 0;
}
