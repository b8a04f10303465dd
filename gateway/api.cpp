#include "gateway/api.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <ctime>

#include "core/log.hpp"
#include "gateway/access.hpp"
#include "gateway/api_bodies.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/metrics.hpp"
#include "gateway/pages.hpp"
#include "gateway/readiness.hpp"
#include "gateway/still.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

namespace http = core::http;
namespace json = boost::json;
using core::ErrorCode;
using core::make_error;

namespace {

http::Response no_such(std::string_view what, const std::string& name) {
  return http::problem(make_error(ErrorCode::not_found, fmt::format("there is no {} {}", what, core::printable(name))));
}

}  // namespace

Api::Api(const Services& services, RoomManager& rooms, std::string web_root)
    : services_(services), rooms_(rooms), web_root_(std::move(web_root)) {}

http::Handler Api::guarded(Action action) const {
  return [this, action = std::move(action)](Request request) -> boost::asio::awaitable<Response> {
    if (auto allowed = check_api_access(request, services_.config->api.token); !allowed)
      co_return http::problem(allowed.error());
    if (request.method == "POST" || request.method == "PATCH")
      if (auto typed = check_json_body(request); !typed)
        co_return http::problem(415, "Unsupported media type", typed.error().message);
    co_return action(request);
  };
}

void Api::add_routes(http::Server& server) {
  add_room_routes(server);
  add_still_route(server);
  add_event_route(server);
  add_hook_route(server);
  add_health_routes(server);
  if (!web_root_.empty()) add_page_routes(server, web_root_, services_.config->sfu.embedded);
}

void Api::add_room_routes(http::Server& server) {
  const auto route = [&](std::string method, std::string pattern, Action action) {
    server.route(std::move(method), "/api/v1" + std::move(pattern), guarded(std::move(action)));
  };
  route("GET", "/rooms", [this](const Request&) { return list_rooms(); });
  route("GET", "/rooms/{room}", [this](const Request& r) { return show_room(r); });
  route("GET", "/mixer", [this](const Request&) { return show_mixer(); });
  route("PATCH", "/rooms/{room}", [this](const Request& r) { return change_room(r); });
  route("POST", "/rooms/{room}/outputs", [this](const Request& r) { return add_output(r); });
  route("DELETE", "/rooms/{room}/outputs/{id}", [this](const Request& r) { return remove_output(r); });
  route("POST", "/rooms/{room}/legs", [this](const Request& r) { return dial(r); });
  route("DELETE", "/rooms/{room}/legs/{id}", [this](const Request& r) { return kick(r); });
  route("PATCH", "/rooms/{room}/legs/{id}", [this](const Request& r) { return change_leg(r); });
}

http::Response Api::list_rooms() const {
  json::array rooms;
  for (const auto& [name, room] : rooms_.rooms()) rooms.push_back(room->summary());
  return http::json(200, json::object{{"rooms", std::move(rooms)}});
}

http::Response Api::show_room(const Request& request) const {
  const auto* room = rooms_.find(request.params.at("room"));
  return room ? http::json(200, room->describe(core::Clock::now())) : no_such("room", request.params.at("room"));
}

http::Response Api::show_mixer() const {
  const auto load = services_.engine->load();
  json::array cuts;
  for (const auto& cut : load.cuts) cuts.emplace_back(cut);
  return http::json(200, json::object{{"threads", load.threads},
                                      {"busy", std::round(load.busy * 1000) / 1000},
                                      {"governor", load.governed},
                                      {"accepts_rooms", load.accepts_rooms},
                                      {"step", load.step},
                                      {"cuts", std::move(cuts)}});
}

http::Response Api::show_readiness() const {
  Condition condition{services_.engine->load(), {}, rooms_.stopped()};
  if (services_.config->sip.enabled) condition.sip_listens = services_.sip && services_.sip->listening();
  json::array reasons;
  for (const auto& reason : reasons_against(condition, core::Clock::now())) reasons.emplace_back(reason);
  const bool ready = reasons.empty();
  return http::json(ready ? 200 : 503, json::object{{"ready", ready}, {"reasons", std::move(reasons)}});
}

http::Response Api::change_room(const Request& request) {
  auto* room = rooms_.find(request.params.at("room"));
  if (!room) return no_such("room", request.params.at("room"));
  const auto settings = read_room_settings(request.body);
  if (!settings) return http::problem(settings.error());
  if (settings->layout)
    if (auto done = room->set_layout(*settings->layout); !done) return http::problem(done.error());
  if (settings->self_view) room->set_self_view(*settings->self_view);
  return http::json(200, room->describe(core::Clock::now()));
}

http::Response Api::add_output(const Request& request) {
  const std::string& name = request.params.at("room");
  auto wanted = read_output(name, request.body, std::time(nullptr));
  if (!wanted) return http::problem(wanted.error());
  const bool of_leg = !wanted->leg.empty();
  if (of_leg && !rooms_.find(name)) return no_such("room", name);
  auto room = rooms_.enter(name);
  if (!room) return http::problem(room.error());
  auto id = of_leg ? (*room)->record_leg(wanted->leg) : (*room)->add_output(wanted->url, wanted->each_leg);
  if (!id) {
    rooms_.tidy(name);
    return http::problem(id.error());
  }
  auto response = http::json(201, (*room)->describe_output(*id));
  response.headers.emplace_back("Location", fmt::format("/api/v1/rooms/{}/outputs/{}", name, *id));
  return response;
}

http::Response Api::remove_output(const Request& request) {
  auto* room = rooms_.find(request.params.at("room"));
  if (!room) return no_such("room", request.params.at("room"));
  if (!room->remove_output(request.params.at("id"))) return no_such("output", request.params.at("id"));
  rooms_.tidy(request.params.at("room"));
  return {.status = 204, .headers = {}, .body = {}, .stream = {}};
}

http::Response Api::dial(const Request& request) {
  const auto uri = read_dial(request.body);
  if (!uri) return http::problem(uri.error());
  auto leg = rooms_.dial(request.params.at("room"), *uri);
  if (!leg) return http::problem(leg.error());
  const auto found = rooms_.find(request.params.at("room"))->find_leg(*leg);
  return http::json(201, found->describe(core::Clock::now()));
}

http::Response Api::kick(const Request& request) {
  auto* room = rooms_.find(request.params.at("room"));
  if (!room) return no_such("room", request.params.at("room"));
  if (!room->kick_leg(request.params.at("id"))) return no_such("leg", request.params.at("id"));
  rooms_.tidy(request.params.at("room"));
  return {.status = 204, .headers = {}, .body = {}, .stream = {}};
}

http::Response Api::change_leg(const Request& request) {
  auto* room = rooms_.find(request.params.at("room"));
  if (!room) return no_such("room", request.params.at("room"));
  const auto leg = room->find_leg(request.params.at("id"));
  if (!leg) return no_such("leg", request.params.at("id"));
  const auto settings = read_settings(leg->settings(), request.body);
  if (!settings) return http::problem(settings.error());
  leg->apply(*settings);
  return http::json(200, leg->describe(core::Clock::now()));
}

void Api::add_still_route(http::Server& server) {
  server.route("GET", "/api/v1/rooms/{room}/picture.jpg", [this](Request request) -> boost::asio::awaitable<Response> {
    if (auto allowed = check_api_access(request, services_.config->api.token); !allowed)
      co_return http::problem(allowed.error());
    auto width = read_width(request.query);
    if (!width) co_return http::problem(width.error());
    auto jpeg = co_await take_still(rooms_, request.params.at("room"), *width);
    if (!jpeg) co_return http::problem(jpeg.error());
    Response response;
    response.headers = {{"Content-Type", "image/jpeg"}, {"Cache-Control", "no-store"}};
    response.body = std::move(*jpeg);
    co_return response;
  });
}

void Api::add_event_route(http::Server& server) {
  server.route("GET", "/api/v1/events", [this](Request request) -> boost::asio::awaitable<Response> {
    if (auto allowed = check_api_access(request, services_.config->api.token); !allowed)
      co_return http::problem(allowed.error());
    if (!services_.events->has_room()) co_return http::problem(503, "Too many listeners", "close another event stream");
    Response response;
    response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
    response.stream = [bus = services_.events](http::StreamWriter& writer) -> boost::asio::awaitable<void> {
      const auto listener = bus->listen();
      bool open = co_await writer.write(": partyline events\n\n");
      while (open && !bus->closed()) {
        const auto event = co_await listener->next(std::chrono::seconds(15));
        // Named, not a temporary of the co_await expression: g++ 12 destroys those twice.
        std::string chunk = ": still here\n\n";
        if (event) chunk = fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event->id, event->type, event->data);
        open = co_await writer.write(std::move(chunk));
      }
    };
    co_return response;
  });
}

void Api::add_hook_route(http::Server& server) {
  server.route("POST", "/hooks/srs", [this](Request request) -> boost::asio::awaitable<Response> {
    const auto& hooks = services_.config->hooks;
    // SRS reads the body's code, not the HTTP status, and wants both to say no.
    const auto refuse = [](int status, const std::string& why) {
      auto response = http::json(status, json::object{{"code", status}, {"msg", why}});
      return response;
    };
    const bool own = check_hook_access(request, services_.own_hook_token, {}).has_value();
    // The embedded SFU brings its own token: then no address alone is believed.
    const auto believed = services_.config->sfu.embedded ? std::vector<std::string>{} : hooks.allowed_addresses;
    if (auto allowed = check_hook_access(request, hooks.token, believed); !own && !allowed) {
      core::log_warn("hook from {} refused: {}", request.remote_address, allowed.error().message);
      co_return refuse(403, allowed.error().message);
    }
    auto hook = parse_srs_hook(request.body);
    if (!hook) co_return refuse(400, hook.error().message);
    if (auto verdict = rooms_.judge_hook(*hook); !verdict) {
      core::log_warn("hook for {}/{} refused: {}", core::printable(hook->room), core::printable(hook->stream),
                     verdict.error().message);
      co_return refuse(verdict.error().code == ErrorCode::unavailable ? 503 : 403, verdict.error().message);
    }
    auto timer = std::make_shared<boost::asio::steady_timer>(services_.executor, std::chrono::milliseconds(50));
    timer->async_wait([this, timer, hook = *hook](const boost::system::error_code& error) {
      if (!error) rooms_.apply_hook(hook);
    });
    co_return http::json(200, json::object{{"code", 0}});
  });
}

void Api::add_health_routes(http::Server& server) {
  server.route("GET", "/healthz",
               [](Request) -> boost::asio::awaitable<Response> { co_return http::text(200, "ok\n"); });
  server.route("GET", "/readyz", [this](Request) -> boost::asio::awaitable<Response> { co_return show_readiness(); });
  server.route("GET", "/metrics", guarded([this](const Request&) {
                 Response response = http::text(200, render_metrics(rooms_, services_.links, services_.engine->load()));
                 response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
                 return response;
               }));
}

}  // namespace partyline::gateway
