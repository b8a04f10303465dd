#include "gateway/sfu_relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>

#include "core/http/cors.hpp"
#include "core/http/target.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/secret.hpp"
#include "gateway/names.hpp"
#include "sfu/ice_links.hpp"
#include "whip_client/resource_rules.hpp"

namespace partyline::gateway {
namespace {

namespace http = core::http;
using boost::asio::awaitable;
using core::Result;

constexpr size_t kMostSessions = 10000;
constexpr size_t kLargestAnswer = 64 * 1024;
constexpr char kExposed[] = "Location, ETag, Link, Accept-Patch, Retry-After";
constexpr char kBearer[] = "Bearer ";

// What of a request and of an answer is meant for the other end, and not for the hop between us.
constexpr std::string_view kToSfu[] = {"Content-Type", "If-Match"};
constexpr std::string_view kToClient[] = {"Content-Type", "ETag", "Link", "Accept-Patch", "Retry-After"};

http::Response exposed(http::Response response) {
  return http::with_cors(std::move(response), kExposed);
}

template <size_t N>
http::Headers only(const http::Headers& headers, const std::string_view (&names)[N]) {
  http::Headers kept;
  for (const auto& header : headers)
    if (std::ranges::any_of(names, [&](auto name) { return boost::iequals(name, header.first); }))
      kept.push_back(header);
  return kept;
}

http::Response refusal_response(const whip_client::Refusal& refusal) {
  using Kind = whip_client::RefusalKind;
  http::Response response;
  switch (refusal.kind) {
    case Kind::not_yet:
      response = http::problem(404, "Not found", refusal.why);
      break;
    case Kind::busy:
      response = http::problem(409, "Conflict", refusal.why);
      break;
    case Kind::denied:
      response = http::problem(403, "Forbidden", refusal.why);
      break;
    case Kind::unfit:
      response = http::problem(422, "The SFU does not take the offer", refusal.why);
      break;
    case Kind::unavailable:
      response = http::problem(503, "The SFU is not available", refusal.why);
      break;
    case Kind::broken:
      response = http::problem(502, "The SFU does not answer by the rules", refusal.why);
      break;
  }
  if (refusal.retry_after)
    response.headers.emplace_back("Retry-After", std::to_string(core::to_ms(*refusal.retry_after) / 1000));
  return response;
}

// The request, wherever the SFU sends it on to.
awaitable<Result<std::pair<http::Response, std::string>>> fetch_redirected(http::ClientRequest request) {
  for (int redirects = 0;; ++redirects) {
    auto response = co_await http::fetch(request);
    if (!response) co_return response.error();
    auto target = whip_client::redirect_target(request.url, *response, redirects);
    if (!target) co_return std::pair{std::move(*response), request.url};
    if (!*target) co_return target->error();
    if (!whip_client::same_origin(request.url, **target))
      std::erase_if(request.headers, [](const auto& header) { return header.first == "Authorization"; });
    request.url = **target;
  }
}

}  // namespace

std::optional<http::Response> relay_refusal(const http::Request& request, bool publishing, const std::string& token) {
  const auto given = request.header("Authorization").value_or("");
  const bool bearer = given.starts_with(kBearer);
  if (!token.empty() && !(bearer && core::same_secret(given.substr(sizeof kBearer - 1), token))) {
    auto response = http::problem(401, "Unauthorized", "send 'Authorization: Bearer TOKEN' with the room's token");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  const auto type = request.header("Content-Type").value_or("");
  if (type.substr(0, type.find(';')) != "application/sdp")
    return http::problem(415, "Unsupported media type", "send the offer as Content-Type: application/sdp");
  const auto& room = request.params.at("app");
  const auto& stream = request.params.at("stream");
  if (!is_valid_name(room)) return http::problem(400, "Bad request", std::string("room: ") + kNameRule);
  if (publishing && is_mix_stream(stream))
    return http::problem(403, "Forbidden", fmt::format("the stream name {} is kept for the mix", stream));
  if (!is_mix_stream(stream) && !is_valid_name(stream))
    return http::problem(400, "Bad request", std::string("stream: ") + kNameRule);
  if (!listener_of(stream).empty() && !is_valid_name(listener_of(stream)))
    return http::problem(400, "Bad request", std::string("listener: ") + kNameRule);
  return std::nullopt;
}

std::string passed_query(const http::Request& request, bool begun) {
  static constexpr std::array<std::string_view, 4> kOurs{"app", "stream", "vhost", "partyline"};
  std::string out;
  for (const auto& [key, value] : request.query) {
    if (std::ranges::find(kOurs, std::string_view(key)) != kOurs.end()) continue;
    out += fmt::format("{}{}={}", begun ? "&" : "?", http::percent_encode(key), http::percent_encode(value));
    begun = true;
  }
  return out;
}

void SfuRelay::add_routes(http::Server& server) {
  for (const bool publishing : {true, false}) {
    const std::string endpoint = std::string(publishing ? "/whip" : "/whep") + "/{app}/{stream}";
    const std::string session = endpoint + "/{session}";
    server.route("POST", endpoint, [this, publishing](Request r) { return create(publishing, std::move(r)); });
    server.route("PATCH", session, [this](Request r) { return pass_on(std::move(r)); });
    server.route("DELETE", session, [this](Request r) { return pass_on(std::move(r)); });
    for (const auto& path : {endpoint, session})
      server.route("OPTIONS", path, [](Request) -> awaitable<Response> {
        co_return http::preflight("POST, PATCH, DELETE, OPTIONS", "Authorization, Content-Type, If-Match");
      });
  }
}

http::ClientRequest SfuRelay::to_sfu(const Request& request, std::string url) const {
  const auto& sfu = services_.config->sfu;
  http::ClientRequest out;
  out.method = request.method;
  out.url = std::move(url);
  out.headers = only(request.headers, kToSfu);
  out.body = request.body;
  out.max_body_bytes = kLargestAnswer;
  out.verify_tls = sfu.verify_tls;
  out.ca_file = sfu.ca_file;
  // The visitor's own credentials are the SFU's business only where we have none and ask for none ourselves.
  const bool ours = !sfu.publish_token.empty() || !sfu.play_token.empty();
  if (!sfu.token.empty())
    out.headers.emplace_back("Authorization", kBearer + sfu.token);
  else if (const auto given = request.header("Authorization"); given && !ours)
    out.headers.emplace_back("Authorization", *given);
  return out;
}

awaitable<http::Response> SfuRelay::create(bool publishing, Request request) {
  const auto& sfu = services_.config->sfu;
  if (auto no = relay_refusal(request, publishing, publishing ? sfu.publish_token : sfu.play_token))
    co_return exposed(std::move(*no));
  const auto& room = request.params.at("app");
  const auto& stream = request.params.at("stream");
  std::string url = expand_url(publishing ? services_.whip_url : services_.whep_url, room, stream);
  url += passed_query(request, url.find('?') != std::string::npos);
  http::ClientRequest out = to_sfu(request, std::move(url));
  auto answered = co_await fetch_redirected(std::move(out));
  if (!answered) co_return exposed(refusal_response(whip_client::refusal_of(answered.error(), publishing)));
  auto& [answer, answered_at] = *answered;
  if (answer.status != 201) {
    const auto refusal = whip_client::refusal_of(answer, publishing);
    core::log_info("the SFU refuses {}/{} to {}: {}", room, stream, request.remote_address,
                   core::printable(refusal.why));
    co_return exposed(refusal_response(refusal));
  }
  Response response{201, only(answer.headers, kToClient), std::move(answer.body), {}};
  const auto location = http::find_header(answer.headers, "Location");
  auto resource = location ? whip_client::resolve(answered_at, *location) : std::nullopt;
  if (resource)
    response.headers.emplace_back("Location",
                                  fmt::format("/{}/{}/{}/{}", publishing ? "whip" : "whep", http::percent_encode(room),
                                              http::percent_encode(stream), remember(std::move(*resource))));
  for (auto& link : sfu::ice_server_links(services_.config->webrtc.ice_servers))
    response.headers.push_back(std::move(link));
  co_return exposed(std::move(response));
}

awaitable<http::Response> SfuRelay::pass_on(Request request) {
  const auto found = sessions_.find(request.params.at("session"));
  if (found == sessions_.end())
    co_return exposed(http::problem(404, "Not found", "there is no such session (any more)"));
  http::ClientRequest out = to_sfu(request, found->second);
  if (request.method == "DELETE") {
    std::erase(order_, found->first);
    sessions_.erase(found);
  }
  auto answered = co_await fetch_redirected(std::move(out));
  if (!answered) co_return exposed(refusal_response(whip_client::refusal_of(answered.error(), false)));
  auto& answer = answered->first;
  co_return exposed({answer.status, only(answer.headers, kToClient), std::move(answer.body), {}});
}

std::string SfuRelay::remember(std::string url) {
  while (order_.size() >= kMostSessions) {
    sessions_.erase(order_.front());
    order_.pop_front();
  }
  std::string token = core::random_token(24);
  order_.push_back(token);
  sessions_.emplace(token, std::move(url));
  return token;
}

}  // namespace partyline::gateway
