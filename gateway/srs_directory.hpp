// Who publishes and plays at an SRS that ran before we did: its HTTP API (GET …/clients/), read once when the program
// starts and told on as the hooks that were missed. Parsing is pure and bounded.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "gateway/srs_hook.hpp"

namespace partyline::gateway {

/// SRS's list of clients as on_publish and on_play hooks; entries of other kinds and unusable ones are left out.
core::Result<std::vector<SrsHook>> parse_srs_clients(std::string_view body);

struct SrsDirectory {
  std::string api_url;  ///< e.g. http://127.0.0.1:1985/api/v1
  bool verify_tls = true;
  std::string ca_file;
};

/// Asks until SRS answers (every 5 s) or `told` returns false; then calls `told` once for each client.
boost::asio::awaitable<void> learn_from_srs(SrsDirectory directory, std::function<bool(const SrsHook&)> told);

}  // namespace partyline::gateway
