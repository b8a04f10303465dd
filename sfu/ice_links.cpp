#include "sfu/ice_links.hpp"

namespace partyline::sfu {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

core::http::Headers ice_server_links(const std::vector<rtp::IceServer>& servers) {
  core::http::Headers links;
  for (const rtp::IceServer& configured : servers) {
    const rtp::IceServer server = rtp::for_session_now(configured);
    std::string link = "<" + server.url + ">; rel=\"ice-server\"";
    if (!server.username.empty() || !server.credential.empty()) {
      link += "; username=" + quoted(server.username) + "; credential=" + quoted(server.credential) +
              "; credential-type=\"password\"";
    }
    links.emplace_back("Link", std::move(link));
  }
  return links;
}

}  // namespace partyline::sfu
