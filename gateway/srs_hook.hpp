// SRS's HTTP callbacks (on_publish, on_unpublish, on_play, on_stop), as SRS 7 and the embedded SFU post them. Pure
// parsing: bounded, tolerant of unknown fields; `param` comes in SRS' three forms ("a=b", "?a=b", "?a=b&upstream=rtc").
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace partyline::gateway {

struct SrsHook {
  enum class Action { publish, unpublish, play, stop, other };
  Action action = Action::other;
  std::string room;  ///< SRS' app
  std::string stream;
  std::string client;                        ///< SRS' client_id
  std::string server;                        ///< server_id: one of a cluster
  std::string service;                       ///< service_id: another one after each restart of that server
  std::map<std::string, std::string> param;  ///< decoded

  std::string param_or(const std::string& key, const std::string& otherwise) const {
    const auto found = param.find(key);
    return found == param.end() ? otherwise : found->second;
  }
};

core::Result<SrsHook> parse_srs_hook(std::string_view body);

}  // namespace partyline::gateway
