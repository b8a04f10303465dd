// What every part of the gateway is built from: the process' one of each. Outlives rooms and legs.
// Thread: the network executor, unless a member's own header says more.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "gateway/config.hpp"

namespace partyline::mixer {
class Engine;
class LayoutCatalog;
struct Decor;
}  // namespace partyline::mixer
namespace partyline::rtp {
class LinkBook;
class NiceService;
class PortPool;
}  // namespace partyline::rtp
namespace partyline::sip {
class UserAgent;
}

namespace partyline::gateway {

class EventBus;
class Outbox;
class Reaper;

struct Services {
  boost::asio::any_io_executor executor;
  const Config* config = nullptr;
  mixer::Engine* engine = nullptr;
  rtp::NiceService* ice = nullptr;
  rtp::PortPool* ports = nullptr;
  sip::UserAgent* sip = nullptr;  ///< null when SIP is off
  EventBus* events = nullptr;
  std::shared_ptr<Outbox> outbox;
  Reaper* reaper = nullptr;
  std::shared_ptr<const mixer::LayoutCatalog> layouts;
  std::shared_ptr<const mixer::Decor> decor;  ///< null: none
  std::string own_hook_token;                 ///< a secret of this process: the embedded SFU's hooks carry it
  const rtp::LinkBook* links = nullptr;       ///< of the SFU's clients; null where it does not tell
  std::string whip_url, whep_url;             ///< with {room} and {stream}
};

}  // namespace partyline::gateway
