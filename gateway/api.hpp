// The HTTP face: /api/v1/…, /api/v1/events, /hooks/srs, /metrics, /healthz, /readyz and the pages. Thin: reads
// requests, asks rooms, writes JSON. Thread: network.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "core/http/server.hpp"
#include "gateway/room_manager.hpp"
#include "gateway/services.hpp"

namespace partyline::gateway {

class Api {
 public:
  /// `web_root`: folder of the pages; empty: no pages.
  Api(const Services& services, RoomManager& rooms, std::string web_root);
  void add_routes(core::http::Server& server);

 private:
  using Request = core::http::Request;
  using Response = core::http::Response;
  using Action = std::function<Response(const Request&)>;

  /// A handler behind check_api_access(), with the JSON body checked where there is one.
  core::http::Handler guarded(Action action) const;
  void add_room_routes(core::http::Server& server);
  void add_hook_route(core::http::Server& server);
  void add_health_routes(core::http::Server& server);
  void add_still_route(core::http::Server& server);
  void add_event_route(core::http::Server& server);

  Response list_rooms() const;
  Response show_room(const Request& request) const;
  Response show_mixer() const;
  Response show_readiness() const;
  Response change_room(const Request& request);
  Response add_output(const Request& request);
  Response remove_output(const Request& request);
  Response dial(const Request& request);
  Response kick(const Request& request);
  Response change_leg(const Request& request);

  const Services& services_;
  RoomManager& rooms_;
  std::string web_root_;
};

}  // namespace partyline::gateway
