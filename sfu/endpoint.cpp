#include "sfu/endpoint.hpp"

#include "core/http/target.hpp"
#include "rtp/transport/ice_fragment.hpp"
#include "sfu/ice_links.hpp"
#include "sfu/resource_rules.hpp"

namespace partyline::sfu {
namespace {

using boost::asio::awaitable;
using core::http::percent_encode;
using core::http::problem;
using core::http::Request;
using core::http::Response;

std::string_view path_word(SessionKind kind) {
  return kind == SessionKind::publish ? "whip" : "whep";
}

// APP and STREAM are in the path, or in the query as SRS has them.
std::string name_of(const Request& request, const std::string& which, const std::string& fallback) {
  if (const auto it = request.params.find(which); it != request.params.end()) return it->second;
  if (const auto it = request.query.find(which); it != request.query.end()) return it->second;
  return fallback;
}

std::optional<Response> refusal_of_post(const Hub& hub, SessionKind kind, const Request& request,
                                        const SessionRequest& wanted) {
  const auto& config = hub.config();
  if (auto no = check_token(request, kind == SessionKind::publish ? config.publish_token : config.play_token))
    return no;
  if (auto no = check_content_type(request, kSdpType)) return no;
  return check_names(wanted.app, wanted.stream);
}

awaitable<Response> handle_post(std::shared_ptr<Hub> hub, SessionKind kind, Request request) {
  SessionRequest wanted;
  wanted.app = name_of(request, "app", "live");
  wanted.stream = name_of(request, "stream", "");
  wanted.remote_address = request.remote_address;
  wanted.param = request.raw_query;
  if (auto no = refusal_of_post(*hub, kind, request, wanted)) co_return with_session_cors(*std::move(no));
  const std::string location =
      "/" + std::string(path_word(kind)) + "/" + percent_encode(wanted.app) + "/" + percent_encode(wanted.stream) + "/";
  wanted.offer = std::move(request.body);
  core::Result<CreatedSession> created{CreatedSession{}};
  if (kind == SessionKind::publish)
    created = co_await hub->publish(std::move(wanted));
  else
    created = co_await hub->play(std::move(wanted));
  if (!created) co_return with_session_cors(session_problem(created.error()));
  Response response{201, {}, std::move(created->answer), {}};
  response.headers = {{"Content-Type", std::string(kSdpType)},
                      {"Location", location + created->token},
                      {"ETag", created->etag},
                      {"Accept-Patch", std::string(rtp::kIceFragmentType)}};
  for (auto& link : ice_server_links(hub->config().ice_servers)) response.headers.push_back(std::move(link));
  co_return with_session_cors(std::move(response));
}

// The whole URL must be right, not the token alone.
std::shared_ptr<Session> find_session(const Hub& hub, SessionKind kind, const Request& request) {
  auto session = hub.find(request.params.at("session"));
  if (!session || session->kind != kind) return nullptr;
  const bool same =
      session->stream->app == request.params.at("app") && session->stream->name == request.params.at("stream");
  return same ? session : nullptr;
}

Response no_session() {
  return problem(404, "Not found", "there is no such session (any more)");
}

awaitable<Response> handle_patch(std::shared_ptr<Hub> hub, SessionKind kind, Request request) {
  const auto session = find_session(*hub, kind, request);
  if (!session) co_return with_session_cors(no_session());
  if (!session->transport) co_return with_session_cors(no_session());  // the hooks have not said yes yet
  auto verdict = judge_patch(request, session->etag, session->remote_ufrag);
  if (verdict.restart.empty()) co_return with_session_cors(std::move(verdict.response));
  const auto local = session->restart_ice(std::move(verdict.restart));
  Response response{200, {}, rtp::write_ice_fragment(local, session->ice_kind, session->ice_mid), {}};
  response.headers = {{"Content-Type", std::string(rtp::kIceFragmentType)}, {"ETag", session->etag}};
  co_return with_session_cors(std::move(response));
}

awaitable<Response> handle_delete(std::shared_ptr<Hub> hub, SessionKind kind, Request request) {
  const auto session = find_session(*hub, kind, request);
  if (!session) co_return with_session_cors(no_session());
  hub->end(*session, "DELETE");
  co_return with_session_cors({200, {}, {}, {}});
}

/// Endpoints and sessions have no representation: GET finds them, and nothing in them (RFC 9725 §4.1).
awaitable<Response> handle_get_endpoint(Request) {
  co_return with_session_cors({204, {}, {}, {}});
}

awaitable<Response> handle_get_session(std::shared_ptr<Hub> hub, SessionKind kind, Request request) {
  if (!find_session(*hub, kind, request)) co_return with_session_cors(no_session());
  co_return with_session_cors({204, {}, {}, {}});
}

awaitable<Response> handle_endpoint_options(Request) {
  co_return endpoint_options();
}

awaitable<Response> handle_session_options(Request) {
  co_return session_options();
}

}  // namespace

void add_session_routes(core::http::Server& server, const std::shared_ptr<Hub>& hub) {
  for (const SessionKind kind : {SessionKind::publish, SessionKind::play}) {
    const std::string word(path_word(kind));
    const std::string endpoint = "/" + word + "/{app}/{stream}", session = endpoint + "/{session}";
    for (const std::string& path : {endpoint, "/rtc/v1/" + word + "/", "/rtc/v1/" + word}) {
      server.route("POST", path, [hub, kind](Request r) { return handle_post(hub, kind, std::move(r)); });
      server.route("GET", path, handle_get_endpoint);
      server.route("OPTIONS", path, handle_endpoint_options);
    }
    server.route("GET", session, [hub, kind](Request r) { return handle_get_session(hub, kind, std::move(r)); });
    server.route("PATCH", session, [hub, kind](Request r) { return handle_patch(hub, kind, std::move(r)); });
    server.route("DELETE", session, [hub, kind](Request r) { return handle_delete(hub, kind, std::move(r)); });
    server.route("OPTIONS", session, handle_session_options);
  }
}

}  // namespace partyline::sfu
