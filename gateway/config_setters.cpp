#include "gateway/config_setters.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "core/client_network.hpp"
#include "core/http/trusted_proxies.hpp"
#include "gateway/ice_server_setting.hpp"
#include "gateway/keypad.hpp"

namespace partyline::gateway {

namespace ip = boost::asio::ip;
using core::Error;
using core::ErrorCode;
using core::make_error;
using core::Result;

std::string place(const toml::source_region& region) {
  return fmt::format("line {}, column {}", region.begin.line, region.begin.column);
}

Error error_at(const toml::node& node, const std::string& what) {
  return make_error(ErrorCode::invalid, place(node.source()) + ": " + what);
}

Setter text(Field<std::string> field, std::set<std::string> choices) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    const auto value = node.value_exact<std::string>();
    if (!value) return error_at(node, "'" + key + "' must be a string");
    if (!choices.empty() && !choices.contains(*value))
      return error_at(node, fmt::format("'{}' must be one of: {}", key, fmt::join(choices, ", ")));
    field(config) = *value;
    return {};
  };
}

Setter picture(Field<Config::PictureFile> field) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    const auto value = node.value_exact<std::string>();
    if (!value) return error_at(node, "'" + key + "' must be a string");
    field(config) = {*value, place(node.source())};
    return {};
  };
}

Setter number(Field<int> field, int least, int most) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < least || *value > most)
      return error_at(node, fmt::format("'{}' must be a whole number from {} to {}", key, least, most));
    field(config) = static_cast<int>(*value);
    return {};
  };
}

Setter flag(Field<bool> field) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    const auto value = node.value_exact<bool>();
    if (!value) return error_at(node, "'" + key + "' must be true or false");
    field(config) = *value;
    return {};
  };
}

Result<std::vector<std::string>> string_list(const toml::node& node, const std::string& key) {
  const auto* array = node.as_array();
  if (!array) return error_at(node, "'" + key + "' must be a list of strings");
  std::vector<std::string> values;
  for (const auto& element : *array) {
    const auto value = element.value_exact<std::string>();
    if (!value) return error_at(element, "'" + key + "' must hold strings only");
    values.push_back(*value);
  }
  return values;
}

Setter list(Field<std::vector<std::string>> field) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    auto values = string_list(node, key);
    if (!values) return values.error();
    field(config) = std::move(*values);
    return {};
  };
}

Setter addresses(Field<std::vector<std::string>> field) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    auto values = string_list(node, key);
    if (!values) return values.error();
    for (size_t i = 0; i < values->size(); ++i) {
      boost::system::error_code error;
      const auto address = core::plain_address(ip::make_address((*values)[i], error));
      if (error) return error_at((*node.as_array())[i], "'" + key + "' must hold numeric addresses only");
      (*values)[i] = address.to_string();
    }
    field(config) = std::move(*values);
    return {};
  };
}

Setter networks(Field<std::vector<std::string>> field) {
  return [=](Config& config, const toml::node& node, const std::string& key) -> Result<> {
    auto values = string_list(node, key);
    if (!values) return values.error();
    if (auto good = core::http::TrustedProxies::of(*values); !good)
      return error_at(node, "'" + key + "': " + good.error().message);
    field(config) = std::move(*values);
    return {};
  };
}

Setter key_sequences(Field<std::map<std::string, std::string>> field) {
  return [=](Config& config, const toml::node& node, const std::string& name) -> Result<> {
    const auto* table = node.as_table();
    if (!table) return error_at(node, "'" + name + R"(' must be a table such as {"*1" = "grid"})");
    std::map<std::string, std::string> sequences;
    for (const auto& [keys, value] : *table) {
      const auto text = value.value_exact<std::string>();
      if (!text) return error_at(value, "'" + name + "' must hold strings only");
      sequences[std::string(keys.str())] = *text;
    }
    if (const auto mistake = check_key_sequences(sequences)) return error_at(node, "'" + name + "': " + *mistake);
    field(config) = std::move(sequences);
    return {};
  };
}

Setter ice_servers(Field<std::vector<rtp::IceServer>> field) {
  return [=](Config& config, const toml::node& node, const std::string&) -> Result<> {
    if (const auto mistake = read_ice_servers(node, field(config)))
      return make_error(ErrorCode::invalid, place(mistake->where) + ": " + mistake->what);
    return {};
  };
}

}  // namespace partyline::gateway
