#include "gateway/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "gateway/config_setters.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {
namespace {

using core::ErrorCode;
using core::make_error;
using core::Result;

struct Key {
  std::string_view table;
  std::string_view name;
  Setter set;
};

// One row a key: adding one touches this table, the struct and the sample file, and nothing else.
#define FIELD(member)            \
  [](Config & config) -> auto& { \
    return config.member;        \
  }
const std::vector<Key>& keys() {
  static const std::vector<Key> table{
      {"log", "level", text(FIELD(log.level), {"debug", "info", "warn", "error"})},
      {"log", "format", text(FIELD(log.format), {"text", "json"})},
      {"http", "address", text(FIELD(http.address))},
      {"http", "port", number(FIELD(http.port), 0, 65535)},
      {"http", "tls_certificate", text(FIELD(http.tls_certificate))},
      {"http", "tls_key", text(FIELD(http.tls_key))},
      {"http", "web_root", text(FIELD(http.web_root))},
      {"http", "trusted_proxies", networks(FIELD(http.trusted_proxies))},
      {"api", "token", text(FIELD(api.token))},
      {"sip", "enabled", flag(FIELD(sip.enabled))},
      {"sip", "address", text(FIELD(sip.address))},
      {"sip", "port", number(FIELD(sip.port), 0, 65535)},
      {"sip", "advertised_address", text(FIELD(sip.advertised_address))},
      {"sip", "rtp_first_port", number(FIELD(sip.rtp_first_port), 1024, 65534)},
      {"sip", "rtp_last_port", number(FIELD(sip.rtp_last_port), 1025, 65535)},
      {"sip", "rtp_timeout_seconds", number(FIELD(sip.rtp_timeout_seconds), 1, 3600)},
      {"sip", "requests_per_second_per_source", number(FIELD(sip.requests_per_second_per_source), 0, 100000)},
      {"sip", "trusted_sources", addresses(FIELD(sip.trusted_sources))},
      {"sip", "max_calls", number(FIELD(sip.max_calls), 1, 100000)},
      {"webrtc", "address", text(FIELD(webrtc.address))},
      {"webrtc", "port", number(FIELD(webrtc.port), 0, 65535)},
      {"webrtc", "tcp", flag(FIELD(webrtc.tcp))},
      {"webrtc", "advertised_addresses", list(FIELD(webrtc.advertised_addresses))},
      {"webrtc", "ice_servers", ice_servers(FIELD(webrtc.ice_servers))},
      {"sfu", "embedded", flag(FIELD(sfu.embedded))},
      {"sfu", "whip_url", text(FIELD(sfu.whip_url))},
      {"sfu", "whep_url", text(FIELD(sfu.whep_url))},
      {"sfu", "api_url", text(FIELD(sfu.api_url))},
      {"sfu", "token", text(FIELD(sfu.token))},
      {"sfu", "verify_tls", flag(FIELD(sfu.verify_tls))},
      {"sfu", "ca_file", text(FIELD(sfu.ca_file))},
      {"sfu", "ice_servers", ice_servers(FIELD(sfu.ice_servers))},
      {"sfu", "ice_tcp", flag(FIELD(sfu.ice_tcp))},
      {"sfu", "simulcast", text(FIELD(sfu.simulcast), {"auto", "on", "off"})},
      {"sfu", "publish_token", text(FIELD(sfu.publish_token))},
      {"sfu", "play_token", text(FIELD(sfu.play_token))},
      {"sfu", "hook_urls", list(FIELD(sfu.hook_urls))},
      {"hooks", "token", text(FIELD(hooks.token))},
      {"hooks", "allowed_addresses", addresses(FIELD(hooks.allowed_addresses))},
      {"recording", "directory", text(FIELD(recording.directory))},
      {"rooms", "create_on_demand", flag(FIELD(rooms.create_on_demand))},
      {"rooms", "forbidden", list(FIELD(rooms.forbidden))},
      {"rooms", "stereo", list(FIELD(rooms.stereo))},
      {"rooms", "max_rooms", number(FIELD(rooms.max_rooms), 1, 100000)},
      {"rooms", "max_legs", number(FIELD(rooms.max_legs), 1, 10000)},
      {"rooms", "width", number(FIELD(rooms.width), 128, 3840)},
      {"rooms", "height", number(FIELD(rooms.height), 96, 2160)},
      {"rooms", "frames_per_second", number(FIELD(rooms.frames_per_second), 1, 60)},
      {"rooms", "video_kbps", number(FIELD(rooms.video_kbps), 64, 50000)},
      {"rooms", "audio_kbps", number(FIELD(rooms.audio_kbps), 8, 510)},
      {"rooms", "layout", text(FIELD(rooms.layout))},
      {"rooms", "layouts", text(FIELD(rooms.layouts))},
      {"rooms", "background", picture(FIELD(rooms.background))},
      {"rooms", "logo", picture(FIELD(rooms.logo))},
      {"rooms", "fade_ms", number(FIELD(rooms.fade_ms), 0, 2000)},
      {"rooms", "dtmf", key_sequences(FIELD(rooms.dtmf))},
      {"rooms", "self_view", flag(FIELD(rooms.self_view))},
      {"rooms", "push_mix", flag(FIELD(rooms.push_mix))},
      {"audio", "common_loudness", flag(FIELD(audio.common_loudness))},
      {"audio", "noise_suppression", flag(FIELD(audio.noise_suppression))},
      {"audio", "echo_guard", flag(FIELD(audio.echo_guard))},
      {"audio", "comfort_noise_dbov", number(FIELD(audio.comfort_noise_dbov), -127, -50)},
      {"audio", "tones", text(FIELD(audio.tones), {"none", "join", "join_and_leave"})},
      {"mixer", "threads", number(FIELD(mixer.threads), 0, 256)},
      {"mixer", "governor", flag(FIELD(mixer.governor))},
      {"mixer", "pass_through", flag(FIELD(mixer.pass_through))},
  };
  return table;
}
#undef FIELD

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string suggestion(std::string_view wrong, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t least = 4;
  for (const auto candidate : candidates)
    if (const size_t distance = edit_distance(wrong, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  return best.empty() ? std::string() : fmt::format("; did you mean '{}'?", best);
}

Result<> read_table(Config& config, std::string_view name, const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string_view wanted = key.str();
    const auto row =
        std::find_if(keys().begin(), keys().end(), [&](const Key& k) { return k.table == name && k.name == wanted; });
    if (row == keys().end()) {
      std::vector<std::string_view> names;
      for (const auto& k : keys())
        if (k.table == name) names.push_back(k.name);
      return make_error(ErrorCode::invalid, fmt::format("{}: unknown key '{}' in [{}]{}", place(key.source()), wanted,
                                                        name, suggestion(wanted, names)));
    }
    if (auto done = row->set(config, node, std::string(wanted)); !done) return done.error();
  }
  return {};
}

Result<> read_rooms(Config& config, const toml::node& node) {
  const auto* array = node.as_array();
  if (!array) return error_at(node, "rooms of their own are written as [[room]]");
  for (const auto& element : *array) {
    const auto* table = element.as_table();
    if (!table) return error_at(element, "rooms of their own are written as [[room]]");
    StaticRoom room;
    for (const auto& [key, value] : *table) {
      if (key.str() == "name") {
        room.name = value.value_exact<std::string>().value_or("");
        if (!is_valid_name(room.name)) return error_at(value, std::string("'name': ") + kNameRule);
      } else if (key.str() == "outputs") {
        auto outputs = string_list(value, "outputs");
        if (!outputs) return outputs.error();
        room.outputs = std::move(*outputs);
      } else {
        return make_error(ErrorCode::invalid, fmt::format("{}: unknown key '{}' in [[room]]{}", place(key.source()),
                                                          key.str(), suggestion(key.str(), {"name", "outputs"})));
      }
    }
    if (room.name.empty()) return error_at(element, "a [[room]] needs a 'name'");
    config.static_rooms.push_back(std::move(room));
  }
  return {};
}

Result<> check_whole(const Config& config) {
  const auto invalid = [](const char* what) { return make_error(ErrorCode::invalid, what); };
  if (config.sip.rtp_first_port >= config.sip.rtp_last_port)
    return invalid("[sip] rtp_first_port must be smaller than rtp_last_port");
  if (config.rooms.width % 2 || config.rooms.height % 2) return invalid("[rooms] width and height must be even");
  if (config.http.tls_certificate.empty() != config.http.tls_key.empty())
    return invalid("[http] tls_certificate and tls_key come together");
  if (config.sfu.whip_url.empty() != config.sfu.whep_url.empty())
    return invalid("[sfu] whip_url and whep_url come together");
  if (config.sfu.embedded && !config.sfu.whip_url.empty())
    return invalid("[sfu] whip_url and whep_url name another SFU: set embedded = false");
  if (!config.sfu.embedded && config.sfu.whip_url.empty())
    return invalid("[sfu] embedded = false needs whip_url and whep_url");
  if (!config.sfu.api_url.empty() && (config.sfu.embedded || !config.sfu.api_url.starts_with("http")))
    return invalid("[sfu] api_url is the http(s) URL of SRS's API, for embedded = false");
  for (const auto& url : {config.sfu.whip_url, config.sfu.whep_url})
    if (!url.empty() && (url.find("{room}") == std::string::npos || url.find("{stream}") == std::string::npos))
      return invalid("[sfu] whip_url and whep_url need {room} and {stream} in them");
  return {};
}

}  // namespace

Result<Config> parse_config(const std::string& text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, place(error.source()) + ": " + std::string(error.description()));
  }
  Config config;
  std::vector<std::string_view> tables{"room"};
  for (const auto& key : keys()) tables.push_back(key.table);
  for (const auto& [key, node] : root) {
    if (key.str() == "room") {
      if (auto done = read_rooms(config, node); !done) return done.error();
      continue;
    }
    if (std::find(tables.begin(), tables.end(), key.str()) == tables.end())
      return make_error(ErrorCode::invalid, fmt::format("{}: unknown table [{}]{}", place(key.source()), key.str(),
                                                        suggestion(key.str(), tables)));
    const auto* table = node.as_table();
    if (!table) return error_at(node, fmt::format("'{}' must be a table: [{}]", key.str(), key.str()));
    if (auto done = read_table(config, key.str(), *table); !done) return done.error();
  }
  if (auto done = check_whole(config); !done) return done.error();
  return config;
}

Result<Config> load_config(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return make_error(ErrorCode::not_found, fmt::format("cannot read {}: does it exist, and may we read it?", path));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto config = parse_config(text);
  if (!config) return config.error().with_context(path);
  return config;
}

std::vector<std::string> known_config_keys() {
  std::vector<std::string> names;
  for (const auto& key : keys()) names.push_back(fmt::format("{}.{}", key.table, key.name));
  return names;
}

}  // namespace partyline::gateway
