#include "gateway/srs_hook.hpp"

#include <boost/json.hpp>
#include <boost/url.hpp>

namespace partyline::gateway {
namespace {

std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

SrsHook::Action action_of(std::string_view word) {
  if (word == "on_publish") return SrsHook::Action::publish;
  if (word == "on_unpublish") return SrsHook::Action::unpublish;
  if (word == "on_play") return SrsHook::Action::play;
  if (word == "on_stop") return SrsHook::Action::stop;
  return SrsHook::Action::other;
}

std::map<std::string, std::string> parse_param(std::string_view param) {
  if (param.starts_with('?')) param.remove_prefix(1);
  std::map<std::string, std::string> values;
  boost::urls::encoding_opts decoding;
  decoding.space_as_plus = true;
  // Split by hand and decode piece by piece: one broken escape must not lose the other values.
  while (!param.empty() && values.size() < 64) {
    const auto piece = param.substr(0, param.find('&'));
    param.remove_prefix(std::min(param.size(), piece.size() + 1));
    const auto equals = piece.find('=');
    const auto key = piece.substr(0, equals);
    const auto raw = equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
    const auto encoded = boost::urls::make_pct_string_view(raw);
    values.emplace(key, encoded ? encoded->decode(decoding) : std::string(raw));
  }
  return values;
}

}  // namespace

core::Result<SrsHook> parse_srs_hook(std::string_view body) {
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 8;
  const auto value = boost::json::parse(body, error, {}, options);
  if (error || !value.is_object())
    return core::make_error(core::ErrorCode::invalid, "the hook's body must be a JSON object");
  const auto& object = value.get_object();
  SrsHook hook;
  hook.action = action_of(text_of(object, "action"));
  hook.room = text_of(object, "app");
  hook.stream = text_of(object, "stream");
  hook.client = text_of(object, "client_id");
  hook.server = text_of(object, "server_id");
  hook.service = text_of(object, "service_id");
  hook.param = parse_param(text_of(object, "param"));
  if (text_of(object, "action").empty()) return core::make_error(core::ErrorCode::invalid, "the hook has no 'action'");
  return hook;
}

}  // namespace partyline::gateway
