// The configuration's ice_servers: a list of URLs, or of tables where a server wants credentials.
//
//   ice_servers = ["stun:stun.example.net", {url = "turn:turn.example.net?transport=tcp", secret = "…"}]
//
// Thread: pure function.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <vector>

#include "rtp/transport/ice_server.hpp"

namespace partyline::gateway {

/// A wrong entry's place in the file and what to write instead.
struct IceServerMistake {
  toml::source_region where;
  std::string what;
};

/// Fills `servers`; says what is wrong with `node` if anything is.
std::optional<IceServerMistake> read_ice_servers(const toml::node& node, std::vector<rtp::IceServer>& servers);

}  // namespace partyline::gateway
