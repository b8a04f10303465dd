#include "whip_client/signalling.hpp"

#include "core/http/client.hpp"
#include "core/log.hpp"
#include "rtp/transport/ice_fragment.hpp"

namespace partyline::whip_client {

namespace {

using core::http::ClientRequest;
using namespace std::chrono_literals;

ClientRequest request_to(const PeerConfig& config, std::string method, std::string url) {
  ClientRequest request;
  request.method = std::move(method);
  request.verify_tls = config.verify_tls;
  request.ca_file = config.ca_file;
  if (!config.bearer_token.empty() && same_origin(config.url, url)) {
    request.headers.emplace_back("Authorization", "Bearer " + config.bearer_token);
  }
  request.url = std::move(url);
  return request;
}

PostOutcome judge(const std::string& url, core::http::Response response, bool publishing) {
  if (response.status != 201) return refusal_of(response, publishing);
  Resource resource;
  if (const auto location = core::http::find_header(response.headers, "Location")) {
    // A resource elsewhere is legal (a load balancer's node); one that is no URL is as good as none.
    resource.url = resolve(url, *location).value_or("");
  }
  resource.patchable = !resource.url.empty() && core::http::find_header(response.headers, "ETag").has_value();
  resource.ice_servers = ice_servers_of(response.headers);
  resource.answer = std::move(response.body);
  return resource;
}

}  // namespace

boost::asio::awaitable<PostOutcome> post_offer(PeerConfig config, std::string offer, bool publishing) {
  std::string url = config.url;
  for (int redirects = 0;; ++redirects) {
    ClientRequest request = request_to(config, "POST", url);
    request.headers.emplace_back("Content-Type", "application/sdp");
    request.headers.emplace_back("Accept", "application/sdp");
    request.body = offer;
    // SRS answers only after its hooks did, for which it allows 30 s.
    request.timeout = 35s;
    auto response = co_await core::http::fetch(std::move(request));
    if (!response) co_return refusal_of(response.error(), publishing);
    auto target = redirect_target(url, *response, redirects);
    if (!target) co_return judge(url, std::move(*response), publishing);
    if (!*target) co_return refusal_of(target->error(), publishing);
    url = std::move(**target);
  }
}

boost::asio::awaitable<RestartOutcome> patch_restart(PeerConfig config, std::string url, std::string fragment) {
  ClientRequest request = request_to(config, "PATCH", std::move(url));
  request.headers.emplace_back("Content-Type", rtp::kIceFragmentType);
  request.headers.emplace_back("If-Match", "*");
  request.body = std::move(fragment);
  request.timeout = 5s;
  const auto response = co_await core::http::fetch(std::move(request));
  if (response) co_return restart_answer(*response);
  co_return Refusal{RefusalKind::unavailable, response.error().message, std::nullopt};
}

boost::asio::awaitable<void> delete_resource(PeerConfig config, std::string url) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    ClientRequest request = request_to(config, "DELETE", url);
    request.timeout = 5s;
    auto response = co_await core::http::fetch(std::move(request));
    // 404 and 410: the server let go of it by itself.
    if (response && (response->status / 100 == 2 || response->status == 404 || response->status == 410)) co_return;
    if (attempt == 0) continue;
    core::log_info("whip url={} the session could not be deleted ({}); the server will notice by itself",
                   core::printable(url), response ? std::to_string(response->status) : response.error().message);
  }
}

}  // namespace partyline::whip_client
