#include "gateway/srs_directory.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <optional>

#include "core/http/client.hpp"
#include "core/log.hpp"

namespace partyline::gateway {
namespace {

namespace json = boost::json;
using core::ErrorCode;
using core::make_error;
using core::Result;

constexpr int kMostClients = 5000;
constexpr size_t kLargestList = 8 * 1024 * 1024;  // SRS writes about 300 bytes a client
constexpr std::chrono::seconds kAgain{5};

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

// {"id":"5og73n8f","url":"/live/cam1","type":"rtc-publish","publish":true,…}
std::optional<SrsHook> hook_of(const json::object& client, const std::string& server, const std::string& service) {
  SrsHook hook;
  const auto* publishes = client.if_contains("publish");
  const bool publishing = publishes && publishes->is_bool() && publishes->get_bool();
  if (!publishing && text_of(client, "type") != "rtc-play") return std::nullopt;
  hook.action = publishing ? SrsHook::Action::publish : SrsHook::Action::play;
  const std::string url = text_of(client, "url");
  const size_t slash = url.rfind('/');
  if (!url.starts_with('/') || slash < 2 || slash + 1 == url.size()) return std::nullopt;
  hook.room = url.substr(1, slash - 1);
  hook.stream = url.substr(slash + 1);
  hook.client = text_of(client, "id");
  hook.server = server;
  hook.service = service;
  if (hook.client.empty()) return std::nullopt;
  return hook;
}

boost::asio::awaitable<Result<std::vector<SrsHook>>> list_clients(const SrsDirectory& directory) {
  core::http::ClientRequest request;
  request.url = directory.api_url;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += "/clients/?start=0&count=" + std::to_string(kMostClients);
  request.max_body_bytes = kLargestList;
  request.verify_tls = directory.verify_tls;
  request.ca_file = directory.ca_file;
  auto response = co_await core::http::fetch(std::move(request));
  if (!response) co_return response.error();
  if (response->status != 200)
    co_return make_error(ErrorCode::unavailable, "status " + std::to_string(response->status));
  co_return parse_srs_clients(response->body);
}

}  // namespace

Result<std::vector<SrsHook>> parse_srs_clients(std::string_view body) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  const auto value = json::parse(body, error, {}, options);
  if (error || !value.is_object())
    return make_error(ErrorCode::invalid, "the answer is no JSON object: is this SRS's API?");
  const auto& object = value.get_object();
  const auto* clients = object.if_contains("clients");
  if (!clients || !clients->is_array())
    return make_error(ErrorCode::invalid, "the answer has no list 'clients': is this SRS's API?");
  std::vector<SrsHook> hooks;
  for (const auto& client : clients->get_array())
    if (client.is_object())
      if (auto hook = hook_of(client.get_object(), text_of(object, "server"), text_of(object, "service")))
        hooks.push_back(std::move(*hook));
  // Players wait for what publishers bring.
  std::stable_partition(hooks.begin(), hooks.end(), [](const auto& h) { return h.action == SrsHook::Action::publish; });
  return hooks;
}

boost::asio::awaitable<void> learn_from_srs(SrsDirectory directory, std::function<bool(const SrsHook&)> told) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  for (bool complained = false;; complained = true) {
    auto hooks = co_await list_clients(directory);
    if (hooks) {
      for (const auto& hook : *hooks)
        if (!told(hook)) co_return;
      core::log_info("{} had {} WebRTC clients before we came", directory.api_url, hooks->size());
      co_return;
    }
    if (!complained)
      core::log_warn("[sfu] api_url {}: {}; asking again every {} s", directory.api_url,
                     core::printable(hooks.error().message), kAgain.count());
    timer.expires_after(kAgain);
    boost::system::error_code stopped;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, stopped));
    if (stopped) co_return;
  }
}

}  // namespace partyline::gateway
