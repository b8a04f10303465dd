#include "sfu/hooks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json.hpp>

#include "core/http/client.hpp"
#include "core/log.hpp"
#include "core/random.hpp"

namespace partyline::sfu {
namespace {

namespace asio = boost::asio;
using core::ErrorCode;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

asio::awaitable<core::Result<>> post(std::string url, std::string body, std::chrono::milliseconds timeout) {
  core::http::ClientRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.timeout = timeout;
  request.max_body_bytes = 64 * 1024;
  const auto response = co_await core::http::fetch(std::move(request));
  if (!response) co_return core::make_error(ErrorCode::unavailable, "the hook " + response.error().message);
  if (Hooks::accepts(response->status, response->body)) co_return core::Result<>();
  const std::string why = Hooks::reason(response->body);
  const std::string words = "the hook refused" + (why.empty() ? "" : ": " + why);
  // Not now: whoever asked may come again.
  co_return core::make_error(response->status == 503 ? ErrorCode::unavailable : ErrorCode::forbidden, words);
}

asio::awaitable<void> post_all(std::vector<std::string> urls, std::string body, std::chrono::milliseconds timeout) {
  for (const std::string& url : urls) {
    const auto answered = co_await post(url, body, timeout);
    if (!answered && answered.error().code != ErrorCode::forbidden)
      core::log_warn("sfu could not tell a hook: {}", answered.error().message);
  }
}

}  // namespace

Hooks::Hooks(std::vector<std::string> urls, std::chrono::milliseconds timeout)
    : urls_(std::move(urls)),
      timeout_(timeout),
      server_id_("vid-" + core::random_token(7)),
      service_id_(core::random_token(8)) {}

std::string Hooks::body(std::string_view action, const HookSubject& subject) const {
  boost::json::object body{
      {"server_id", server_id_},  {"service_id", service_id_},   {"action", action},   {"client_id", subject.client_id},
      {"ip", subject.ip},         {"vhost", "__defaultVhost__"}, {"app", subject.app}, {"tcUrl", ""},
      {"stream", subject.stream}, {"param", subject.param}};
  if (action == "on_play") body["pageUrl"] = "";
  body["stream_url"] = "/" + subject.app + "/" + subject.stream;
  body["stream_id"] = subject.stream_id;
  return boost::json::serialize(body);
}

bool Hooks::accepts(int status, std::string_view body) {
  if (status != 200 && status != 201) return false;
  body = trimmed(body);
  if (body == "0") return true;
  boost::json::error_code error;
  const auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), error);
  if (error || !value.is_object()) return false;
  const auto* const code = value.as_object().if_contains("code");
  return code != nullptr && code->is_int64() && code->as_int64() == 0;
}

std::string Hooks::reason(std::string_view body) {
  boost::json::error_code error;
  const auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), error);
  const auto* const words = !error && value.is_object() ? value.as_object().if_contains("msg") : nullptr;
  if (words == nullptr || !words->is_string()) return {};
  return core::printable(words->as_string());
}

asio::awaitable<core::Result<>> Hooks::ask(std::string action, HookSubject subject) const {
  const auto urls = urls_;  // `this` may be gone when a slow hook answers
  const auto timeout = timeout_;
  const std::string text = body(action, subject);
  for (const std::string& url : urls) {
    const auto answered = co_await post(url, text, timeout);
    if (!answered) co_return answered;
  }
  co_return core::Result<>();
}

void Hooks::tell(const asio::any_io_executor& executor, std::string action, HookSubject subject) const {
  if (!urls_.empty()) asio::co_spawn(executor, post_all(urls_, body(action, subject), timeout_), asio::detached);
}

}  // namespace partyline::sfu
