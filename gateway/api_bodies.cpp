#include "gateway/api_bodies.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <initializer_list>

#include "core/log.hpp"
#include "gateway/outputs/output_url.hpp"

namespace partyline::gateway {

namespace json = boost::json;
using core::ErrorCode;
using core::make_error;
using core::Result;

namespace {

Result<json::object> parse_object(std::string_view body, std::initializer_list<std::string_view> known) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  auto value = json::parse(body, error, {}, options);
  if (error) return make_error(ErrorCode::invalid, "the body is not JSON: " + error.message());
  if (!value.is_object()) return make_error(ErrorCode::invalid, "the body must be a JSON object");
  for (const auto& member : value.get_object())
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end())
      return make_error(ErrorCode::invalid, fmt::format("unknown field '{}'; known: {}", core::printable(member.key()),
                                                        fmt::join(known, ", ")));
  return std::move(value.get_object());
}

}  // namespace

Result<RoomSettings> read_room_settings(std::string_view body) {
  const auto object = parse_object(body, {"layout", "self_view"});
  if (!object) return object.error();
  RoomSettings settings;
  if (const auto* layout = object->if_contains("layout")) {
    if (!layout->is_string()) return make_error(ErrorCode::invalid, "'layout' must be a string");
    settings.layout = std::string(layout->get_string());
  }
  if (const auto* self_view = object->if_contains("self_view")) {
    if (!self_view->is_bool()) return make_error(ErrorCode::invalid, "'self_view' must be true or false");
    settings.self_view = self_view->get_bool();
  }
  return settings;
}

Result<WantedOutput> read_output(std::string_view room, std::string_view body, std::time_t now) {
  const auto object = parse_object(body, {"url", "record", "leg", "each_leg"});
  if (!object) return object.error();
  const auto* url = object->if_contains("url");
  const auto* record = object->if_contains("record");
  const auto* leg = object->if_contains("leg");
  const auto* each_leg = object->if_contains("each_leg");
  WantedOutput wanted;
  if (url && !record && !leg && !each_leg && url->is_string()) {
    wanted.url = url->get_string();
    return wanted;
  }
  if (url || !record || !record->is_string() || (leg && each_leg))
    return make_error(ErrorCode::invalid, R"(send {"url":"rtmp://host/app/key"} or {"record":"mkv"}, the latter with )"
                                          R"("leg":"sip-1" or "each_leg":true if legs are to be recorded)");
  if (leg && !leg->is_string()) return make_error(ErrorCode::invalid, "'leg' must be a leg's id");
  if (each_leg && !each_leg->is_bool()) return make_error(ErrorCode::invalid, "'each_leg' must be true or false");
  const std::string_view type = record->get_string();
  if (leg) wanted.leg = leg->get_string();
  if (each_leg) wanted.each_leg = each_leg->get_bool();
  if (leg && wanted.leg.empty()) return make_error(ErrorCode::invalid, "'leg' must be a leg's id");
  if ((leg || wanted.each_leg) && type != "mkv")
    return make_error(ErrorCode::unsupported, "legs are recorded as they come, which only mkv can hold");
  if (!leg) wanted.url = recording_url(room, "", type, now);
  return wanted;
}

Result<std::string> read_dial(std::string_view body) {
  const auto object = parse_object(body, {"dial"});
  if (!object) return object.error();
  const auto* uri = object->if_contains("dial");
  if (!uri || !uri->is_string())
    return make_error(ErrorCode::invalid, "'dial' is missing, e.g. {\"dial\":\"sip:alice@192.0.2.1\"}");
  return std::string(uri->get_string());
}

Result<LegSettings> read_settings(LegSettings settings, std::string_view body) {
  const auto object = parse_object(body, {"muted", "video_muted", "gain_db", "pinned", "self_view", "common_loudness",
                                          "noise_suppression", "echo_guard"});
  if (!object) return object.error();
  for (const auto& [key, field] : {std::pair{"muted", &settings.muted},
                                   {"video_muted", &settings.video_muted},
                                   {"pinned", &settings.pinned},
                                   {"self_view", &settings.self_view},
                                   {"common_loudness", &settings.voice.common_loudness},
                                   {"noise_suppression", &settings.voice.noise_suppression},
                                   {"echo_guard", &settings.voice.echo_guard}}) {
    const auto* value = object->if_contains(key);
    if (!value) continue;
    if (!value->is_bool()) return make_error(ErrorCode::invalid, fmt::format("'{}' must be true or false", key));
    *field = value->get_bool();
  }
  if (const auto* value = object->if_contains("gain_db")) {
    if (!value->is_number()) return make_error(ErrorCode::invalid, "'gain_db' must be a number");
    settings.gain_db = value->to_number<double>();
    if (!(settings.gain_db >= -60 && settings.gain_db <= 24))
      return make_error(ErrorCode::invalid, "'gain_db' must be from -60 to 24");
  }
  return settings;
}

Result<std::optional<int>> read_width(const std::map<std::string, std::string>& query) {
  const auto found = query.find("width");
  if (found == query.end()) return std::optional<int>();
  int width = 0;
  const auto* end = found->second.data() + found->second.size();
  if (const auto [at, error] = std::from_chars(found->second.data(), end, width); error != std::errc{} || at != end)
    return make_error(ErrorCode::invalid, "'width' must be a number");
  return std::optional(width);
}

}  // namespace partyline::gateway
