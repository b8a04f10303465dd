#include "rtp/transport/nice_agent.hpp"

#include <nice/agent.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <string_view>

#include "core/counters.hpp"

namespace partyline::rtp {
namespace {

constexpr guint kComponent = 1;
constexpr size_t kMaxPacket = 2048;  // bytes
constexpr size_t kMailbox = 1024;    // packets between the two threads
constexpr guint kMaxChecks = 200;    // candidate pairs (RFC 8445 §6.1.2.5 asks for a limit of 100 or more)

struct Drops {
  core::Counter& too_long = core::counter("partyline_ice_client_dropped_total", R"(reason="too_long")");
  core::Counter& mailbox_full = core::counter("partyline_ice_client_dropped_total", R"(reason="mailbox_full")");
  core::Counter& not_sent = core::counter("partyline_ice_client_dropped_total", R"(reason="send_refused")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

struct CandidateDelete {
  void operator()(NiceCandidate* candidate) const { nice_candidate_free(candidate); }
};
using CandidatePtr = std::unique_ptr<NiceCandidate, CandidateDelete>;

void free_candidates(GSList* list) {
  g_slist_free_full(list, [](gpointer c) { nice_candidate_free(static_cast<NiceCandidate*>(c)); });
}

/// Takes the list.
bool is_only_one(GSList* list, const NiceCandidate& candidate) {
  int same = 0;
  for (GSList* item = list; item != nullptr; item = item->next) {
    if (std::strncmp(static_cast<NiceCandidate*>(item->data)->foundation, candidate.foundation,
                     NICE_CANDIDATE_MAX_FOUNDATION) == 0)
      ++same;
  }
  free_candidates(list);
  return same == 1;
}

NiceCandidateTransport transport_of(IceCandidate::Transport transport) {
  switch (transport) {
    case IceCandidate::Transport::tcp_active:
      return NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE;
    case IceCandidate::Transport::tcp_passive:
      return NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE;
    case IceCandidate::Transport::tcp_simultaneous:
      return NICE_CANDIDATE_TRANSPORT_TCP_SO;
    default:
      return NICE_CANDIDATE_TRANSPORT_UDP;
  }
}

NiceCandidateType type_of(IceCandidate::Type type) {
  switch (type) {
    case IceCandidate::Type::server_reflexive:
      return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
    case IceCandidate::Type::peer_reflexive:
      return NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
    case IceCandidate::Type::relayed:
      return NICE_CANDIDATE_TYPE_RELAYED;
    default:
      return NICE_CANDIDATE_TYPE_HOST;
  }
}

CandidatePtr to_nice(const IceCandidate& from, guint stream) {
  CandidatePtr candidate(nice_candidate_new(type_of(from.type)));
  candidate->transport = transport_of(from.transport);
  candidate->priority = from.priority;
  candidate->stream_id = stream;
  candidate->component_id = kComponent;
  g_strlcpy(candidate->foundation, from.foundation.c_str(), NICE_CANDIDATE_MAX_FOUNDATION);
  if (!from.address || !nice_address_set_from_string(&candidate->addr, from.address->to_string().c_str())) return {};
  nice_address_set_port(&candidate->addr, from.port);
  return candidate;
}

std::string to_string(const NiceAddress& address) {
  std::array<char, NICE_ADDRESS_STRING_LEN> text{};
  nice_address_to_string(&address, text.data());
  const std::string port = ":" + std::to_string(nice_address_get_port(&address));
  return nice_address_ip_version(&address) == 6 ? "[" + std::string(text.data()) + "]" + port : text.data() + port;
}

}  // namespace

// `data` is the agent's IceAgent, alive until destroy() has detached everything on the GLib thread.
struct IceAgent::Callbacks {
  static void received(::NiceAgent*, guint, guint, guint size, gchar* bytes, gpointer data) {
    auto* self = static_cast<IceAgent*>(data);
    if (size > kMaxPacket) return drops().too_long.add();
    core::Buffer packet = core::Buffer::allocate(kMaxPacket);
    std::memcpy(packet.data(), bytes, size);
    packet.resize(size);
    if (!self->packets_->push(std::move(packet))) drops().mailbox_full.add();
  }

  static void gathered(::NiceAgent*, guint, gpointer data) { static_cast<IceAgent*>(data)->report_gathered(); }

  static void state_changed(::NiceAgent*, guint, guint, guint state, gpointer data) {
    const auto told = state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY
                          ? IceAgentState::connected
                      : state == NICE_COMPONENT_STATE_FAILED ? IceAgentState::failed
                                                             : IceAgentState::working;
    static_cast<IceAgent*>(data)->tell([told](IceAgent& self) { self.events_.on_state(told); });
  }

  static void selected(::NiceAgent*, guint, guint, NiceCandidate*, NiceCandidate* remote, gpointer data) {
    static_cast<IceAgent*>(data)->tell(
        [text = to_string(remote->addr)](IceAgent& self) { self.events_.on_selected(text); });
  }
};

template <class F>
void IceAgent::tell(F event) {
  boost::asio::post(executor_, [weak = weak_from_this(), event = std::move(event)] {
    const auto self = weak.lock();
    if (self && !self->closed_) event(*self);
  });
}

IceAgent::IceAgent(boost::asio::any_io_executor executor, GlibThread& glib)
    : executor_(std::move(executor)), glib_(glib) {}

std::shared_ptr<IceAgent> IceAgent::create(boost::asio::any_io_executor executor, GlibThread& glib,
                                           IceAgentEvents events) {
  std::shared_ptr<IceAgent> agent(new IceAgent(executor, glib));
  agent->events_ = std::move(events);
  agent->packets_ = core::Mailbox<core::Buffer>::create(std::move(executor), kMailbox,
                                                        [weak = std::weak_ptr(agent)](core::Buffer& packet) {
                                                          const auto self = weak.lock();
                                                          if (self && !self->closed_) self->events_.on_packet(packet);
                                                        });
  return agent;
}

IceAgent::~IceAgent() = default;

void IceAgent::start(IceAgentConfig config) {
  glib_.post([self = shared_from_this(), config = std::move(config)] { self->make_agent(config); });
}

void IceAgent::make_agent(const IceAgentConfig& config) {
  agent_ = nice_agent_new_full(
      glib_.context(), NICE_COMPATIBILITY_RFC5245,
      static_cast<NiceAgentOption>(NICE_AGENT_OPTION_REGULAR_NOMINATION | NICE_AGENT_OPTION_CONSENT_FRESHNESS));
  g_object_set(agent_, "controlling-mode", TRUE, "upnp", FALSE, "ice-udp", TRUE, "ice-tcp",
               static_cast<gboolean>(config.tcp), "max-connectivity-checks", kMaxChecks, nullptr);
  if (!config.stun_address.empty()) {
    g_object_set(agent_, "stun-server", config.stun_address.c_str(), "stun-server-port",
                 static_cast<guint>(config.stun_port), nullptr);
  }
  for (const auto& local : config.local_addresses) {
    NiceAddress address;
    nice_address_init(&address);
    if (nice_address_set_from_string(&address, local.to_string().c_str())) {
      nice_agent_add_local_address(agent_, &address);
    }
  }
  stream_ = nice_agent_add_stream(agent_, 1);
  take_relays(config.relays);
  g_signal_connect(agent_, "candidate-gathering-done", G_CALLBACK(Callbacks::gathered), this);
  g_signal_connect(agent_, "component-state-changed", G_CALLBACK(Callbacks::state_changed), this);
  g_signal_connect(agent_, "new-selected-pair-full", G_CALLBACK(Callbacks::selected), this);
  nice_agent_attach_recv(agent_, stream_, kComponent, glib_.context(), Callbacks::received, this);
  if (!nice_agent_gather_candidates(agent_, stream_)) report_gathered();  // no address would bind: an empty list
}

void IceAgent::add_relays(std::vector<IceAgentConfig::Relay> relays) {
  glib_.post([self = shared_from_this(), relays = std::move(relays)] { self->take_relays(relays); });
}

void IceAgent::take_relays(const std::vector<IceAgentConfig::Relay>& relays) {
  if (agent_ == nullptr) return;
  for (const auto& relay : relays) {
    if (relays_ == NICE_CANDIDATE_MAX_TURN_SERVERS) return;
    ++relays_;
    nice_agent_set_relay_info(agent_, stream_, kComponent, relay.address.c_str(), relay.port, relay.username.c_str(),
                              relay.credential.c_str(),
                              relay.tcp ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP);
  }
}

void IceAgent::stop_gathering() {
  glib_.post([self = shared_from_this()] { self->report_gathered(); });
}

void IceAgent::report_gathered() {
  if (std::exchange(reported_, true) || agent_ == nullptr) return;
  IceAgentLocal local;
  gchar *ufrag = nullptr, *pwd = nullptr;
  if (nice_agent_get_local_credentials(agent_, stream_, &ufrag, &pwd)) {
    local.ufrag = ufrag;
    local.pwd = pwd;
  }
  g_free(ufrag);
  g_free(pwd);
  GSList* candidates = nice_agent_get_local_candidates(agent_, stream_, kComponent);
  for (GSList* item = candidates; item != nullptr; item = item->next) {
    gchar* line = nice_agent_generate_local_candidate_sdp(agent_, static_cast<NiceCandidate*>(item->data));
    std::string_view text(line == nullptr ? "" : line);
    constexpr std::string_view kPrefix = "a=candidate:";
    if (text.starts_with(kPrefix)) local.candidates.emplace_back(text.substr(kPrefix.size()));
    g_free(line);
  }
  free_candidates(candidates);
  tell([local = std::move(local)](IceAgent& self) { self.events_.on_gathered(local); });
}

void IceAgent::set_remote(std::string ufrag, std::string pwd, std::vector<IceCandidate> candidates) {
  glib_.post([self = shared_from_this(), ufrag = std::move(ufrag), pwd = std::move(pwd),
              candidates = std::move(candidates)] { self->apply_remote(ufrag, pwd, candidates); });
}

void IceAgent::apply_remote(const std::string& ufrag, const std::string& pwd,
                            const std::vector<IceCandidate>& candidates) {
  GSList* list = nullptr;
  for (const IceCandidate& candidate : candidates) {
    if (CandidatePtr made = to_nice(candidate, stream_)) list = g_slist_append(list, made.release());
  }
  const bool taken = nice_agent_set_remote_credentials(agent_, stream_, ufrag.c_str(), pwd.c_str()) &&
                     nice_agent_set_remote_candidates(agent_, stream_, kComponent, list) >= 0;
  free_candidates(list);
  if (!taken) tell([](IceAgent& self) { self.events_.on_state(IceAgentState::failed); });
}

void IceAgent::go_on() {
  glib_.post([self = shared_from_this()] { self->select_again(); });
}

// A pair is named by its foundations, which must be nobody else's for that (RFC 8445 §5.1.1.3 lets candidates share
// one).
void IceAgent::select_again() {
  NiceCandidate *local = nullptr, *remote = nullptr;
  const bool selected =
      agent_ != nullptr && nice_agent_get_selected_pair(agent_, stream_, kComponent, &local, &remote) &&
      local->transport == NICE_CANDIDATE_TRANSPORT_UDP &&
      is_only_one(nice_agent_get_local_candidates(agent_, stream_, kComponent), *local) &&
      is_only_one(nice_agent_get_remote_candidates(agent_, stream_, kComponent), *remote) &&
      nice_agent_set_selected_pair(agent_, stream_, kComponent, local->foundation, remote->foundation);
  if (!selected) tell([](IceAgent& self) { self.events_.on_state(IceAgentState::failed); });
}

bool IceAgent::send(std::span<const uint8_t> packet) {
  if (closed_ || agent_ == nullptr) return false;
  const int sent = nice_agent_send(agent_, stream_, kComponent, static_cast<guint>(packet.size()),
                                   reinterpret_cast<const gchar*>(packet.data()));
  if (sent >= 0) return true;
  drops().not_sent.add();
  return false;
}

void IceAgent::close() {
  if (std::exchange(closed_, true)) return;
  glib_.post([self = shared_from_this()] {
    if (self->agent_ == nullptr) return;
    nice_agent_attach_recv(self->agent_, self->stream_, kComponent, self->glib_.context(), nullptr, nullptr);
    g_signal_handlers_disconnect_by_data(self->agent_, self.get());
    destroy(std::exchange(self->agent_, nullptr), self->stream_, self->relays_ > 0, self->glib_);
  });
}

// TURN servers are told to forget us, which takes a round trip; without them nothing needs to wait.
void IceAgent::destroy(::NiceAgent* agent, unsigned stream, bool has_relays, GlibThread& glib) {
  if (!has_relays) {
    nice_agent_remove_stream(agent, stream);
    g_object_unref(agent);
    return;
  }
  ++glib.closing();
  nice_agent_close_async(
      agent,
      [](GObject* closed, GAsyncResult*, gpointer data) {
        g_object_unref(closed);
        --static_cast<GlibThread*>(data)->closing();
      },
      &glib);
}

}  // namespace partyline::rtp
