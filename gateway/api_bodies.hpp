// The JSON bodies of /api/v1: what they may say, and in words what is wrong with them. `invalid` for anything else than
// an object of the known fields. Bounded: 8 levels; the size is the HTTP server's limit. Thread: pure functions.
#pragma once

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "gateway/leg.hpp"

namespace partyline::gateway {

/// What PATCH …/rooms/R may change.
struct RoomSettings {
  std::optional<std::string> layout;
  std::optional<bool> self_view;
};

/// PATCH …/rooms/R: {"layout":"speaker","self_view":false}; nothing for what is absent.
core::Result<RoomSettings> read_room_settings(std::string_view body);
struct WantedOutput {
  std::string url;        ///< empty: of one leg
  std::string leg;        ///< whose own sound and picture are to be recorded
  bool each_leg = false;  ///< beside the mix, everybody's
};
/// POST …/outputs: {"url":"rtmp://…"}, or {"record":"mkv"}: the URL of a file named after the room and the time `now`;
/// with {"leg":"sip-1"} a recording of that leg, with {"each_leg":true} of all, `unsupported` in other types than mkv.
core::Result<WantedOutput> read_output(std::string_view room, std::string_view body, std::time_t now);
/// POST …/legs: {"dial":"sip:…"}
core::Result<std::string> read_dial(std::string_view body);
/// PATCH …/legs/ID: {"muted":true,"video_muted":false,"gain_db":-6}; what is absent stays as in `settings`.
core::Result<LegSettings> read_settings(LegSettings settings, std::string_view body);
/// GET …/?width=320, in pixels of any sign; nothing when the query has none.
core::Result<std::optional<int>> read_width(const std::map<std::string, std::string>& query);

}  // namespace partyline::gateway
