#include "rtp/transport/nice_transport.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/log.hpp"
#include "rtp/transport/glib_thread.hpp"
#include "rtp/transport/ice_client_config.hpp"
#include "rtp/transport/nice_agent.hpp"
#include "rtp/transport/secure_channel.hpp"

namespace partyline::rtp {
namespace {

namespace asio = boost::asio;

constexpr size_t kMaxRemoteCandidates = 64;

bool is_ice_token(const std::string& text, size_t shortest) {
  return text.size() >= shortest && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 127; });
}

class NiceTransportImpl final : public NiceTransport,
                                public SecureChannelOwner,
                                public std::enable_shared_from_this<NiceTransportImpl> {
 public:
  NiceTransportImpl(asio::any_io_executor executor, std::shared_ptr<GlibThread> glib,
                    std::shared_ptr<const DtlsIdentity> identity, core::Duration connect_timeout,
                    TransportEvents& events)
      : executor_(executor),
        glib_(std::move(glib)),
        identity_(std::move(identity)),
        connect_timeout_(connect_timeout),
        events_(&events),
        gathered_(executor, asio::steady_timer::time_point::max()),
        deadline_(executor) {}

  ~NiceTransportImpl() override { close(); }

  asio::awaitable<core::Result<>> gather(IceAgentConfig config, core::Duration limit) {
    const auto keep = shared_from_this();
    make_agent();
    keep_tunnels(config.relays);
    agent_->start(std::move(config));
    // Waits twice: for all candidates, then (once the limit is over) for those that are there.
    gathered_.expires_after(limit);
    co_await gathered_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (local_.ufrag.empty() && events_ != nullptr) {
      agent_->stop_gathering();
      gathered_.expires_after(std::chrono::seconds(1));
      co_await gathered_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (local_.ufrag.empty() || local_.candidates.empty()) {
      close();
      co_return core::make_error(core::ErrorCode::unavailable, "ICE found no local address to use");
    }
    co_return core::Result<>();
  }

  IceDescription local() const override { return local_; }
  std::string remote_address() const override { return remote_address_; }

  asio::awaitable<void> add_ice_servers(std::vector<IceServer> servers) override {
    constexpr core::Duration kResolve = std::chrono::seconds(1);  // the answer waits
    const auto keep = shared_from_this();
    auto relays = co_await relays_of(std::move(servers), kResolve);
    keep_tunnels(relays);
    if (events_ != nullptr && !relays.empty()) agent_->add_relays(std::move(relays));
  }

  core::Result<> set_remote(const IceDescription& remote) override {
    if (events_ == nullptr || channel_) {
      return core::make_error(core::ErrorCode::conflict, "this transport has its answer already, or is closed");
    }
    if (!is_ice_token(remote.ufrag, 4) || !is_ice_token(remote.pwd, 22)) {
      return core::make_error(core::ErrorCode::invalid, "malformed ICE credentials in the answer");
    }
    auto peer = SecurePeer::from(remote);
    if (!peer) return peer.error().with_context("answer");
    auto candidates = usable_candidates(remote);
    if (!candidates) return candidates.error().with_context("answer");
    channel_ = std::make_unique<SecureChannel>(executor_, identity_, *std::move(peer), *this);
    agent_->set_remote(remote.ufrag, remote.pwd, *std::move(candidates));
    deadline_.expires_after(connect_timeout_);
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (!ec && self) self->on_deadline();
    });
    return {};
  }

  void send_rtp(std::span<const uint8_t> packet) override {
    if (channel_) channel_->send_rtp(packet);
  }
  void send_rtcp(std::span<const uint8_t> packet) override {
    if (channel_) channel_->send_rtcp(packet);
  }

  void close() override {
    if (events_ == nullptr) return;
    events_ = nullptr;
    deadline_.cancel();
    gathered_.cancel();
    tunnels_.clear();
    if (channel_) channel_->close();
    if (agent_) agent_->close();
  }

  void send_datagram(std::span<const uint8_t> datagram) override { agent_->send(datagram); }
  void on_secure_connected() override {
    deadline_.cancel();
    connected_ = true;
    if (events_ != nullptr) events_->on_transport_connected();
  }
  void on_secure_rtp(core::Buffer packet, core::TimePoint now) override {
    if (events_ != nullptr) events_->on_rtp(std::move(packet), now);
  }
  void on_secure_rtcp(core::Buffer packet, core::TimePoint now) override {
    if (events_ != nullptr) events_->on_rtcp(std::move(packet), now);
  }
  void on_secure_closed(const core::Error& why) override { fail(why); }

 private:
  // The agent knows us weakly: its events may be under way while the last owner lets go.
  void make_agent() {
    const auto weak = weak_from_this();
    IceAgentEvents events;
    events.on_gathered = [weak](IceAgentLocal local) {
      if (const auto self = weak.lock()) self->on_gathered(std::move(local));
    };
    events.on_state = [weak](IceAgentState state) {
      if (const auto self = weak.lock()) self->on_state(state);
    };
    events.on_selected = [weak](std::string remote) {
      if (const auto self = weak.lock()) self->on_selected(std::move(remote));
    };
    events.on_packet = [weak](core::Buffer& packet) {
      const auto self = weak.lock();
      if (self && self->channel_) self->channel_->receive(std::move(packet), core::Clock::now());
    };
    agent_ = IceAgent::create(executor_, *glib_, std::move(events));
  }

  void keep_tunnels(std::vector<IceAgentConfig::Relay>& relays) {
    for (auto& relay : relays) {
      if (relay.tunnel) tunnels_.push_back(std::exchange(relay.tunnel, nullptr));
    }
  }

  core::Result<std::vector<IceCandidate>> usable_candidates(const IceDescription& remote) const {
    std::vector<IceCandidate> result;
    for (const std::string& text : remote.candidates) {
      auto candidate = parse_candidate(text);
      // One that we cannot read does not spoil the others (RFC 8839 §5.1: unknown kinds are to be ignored).
      if (!candidate) {
        core::log_debug("ICE candidate left out: {}", candidate.error().message);
        continue;
      }
      if (!candidate->address || candidate->component != 1) continue;
      if (result.size() < kMaxRemoteCandidates) result.push_back(*std::move(candidate));
    }
    if (remote.lite && result.empty()) {
      return core::make_error(core::ErrorCode::invalid, "an ICE-lite peer without a candidate cannot be reached");
    }
    return result;
  }

  void on_gathered(IceAgentLocal found) {
    local_.ufrag = std::move(found.ufrag);
    local_.pwd = std::move(found.pwd);
    local_.candidates = std::move(found.candidates);
    local_.fingerprint_hash = "sha-256";
    local_.fingerprint = identity_->fingerprint();
    local_.setup = "actpass";
    gathered_.cancel();
  }

  void on_state(IceAgentState state) {
    if (!channel_) return;
    if (state == IceAgentState::connected && !std::exchange(has_path_, true)) channel_->path_ready();
    if (state == IceAgentState::failed) {
      fail(core::make_error(core::ErrorCode::unavailable,
                            connected_ ? "the peer does not consent any more (RFC 7675)" : "ICE found no path"));
    }
  }

  void on_selected(std::string remote) {
    remote_address_ = std::move(remote);
    if (has_path_ && channel_) channel_->path_ready();
  }

  void on_deadline() {
    if (connected_) return;
    fail(core::make_error(core::ErrorCode::timeout,
                          has_path_ ? "the DTLS handshake was not finished in time" : "ICE found no path in time"));
  }

  void fail(const core::Error& why) {
    TransportEvents* events = events_;
    if (events == nullptr) return;
    const auto keep = shared_from_this();
    close();
    events->on_transport_closed(why);
  }

  asio::any_io_executor executor_;
  std::shared_ptr<GlibThread> glib_;
  std::shared_ptr<const DtlsIdentity> identity_;
  const core::Duration connect_timeout_;
  TransportEvents* events_;  // null after close
  asio::steady_timer gathered_, deadline_;
  std::shared_ptr<IceAgent> agent_;
  std::unique_ptr<SecureChannel> channel_;
  std::vector<std::shared_ptr<TurnTlsTunnel>> tunnels_;
  IceDescription local_;
  std::string remote_address_;
  bool has_path_ = false;
  bool connected_ = false;
};

asio::awaitable<core::Result<std::shared_ptr<NiceTransport>>> create_transport(
    std::shared_ptr<GlibThread> glib, std::shared_ptr<const DtlsIdentity> identity, NiceConfig config,
    TransportEvents* events) {
  const auto executor = co_await asio::this_coro::executor;
  const auto gather_timeout = config.gather_timeout, connect_timeout = config.connect_timeout;
  auto ready = co_await ice_agent_config(std::move(config));
  if (!ready) co_return ready.error().with_context("ICE");
  auto transport =
      std::make_shared<NiceTransportImpl>(executor, std::move(glib), std::move(identity), connect_timeout, *events);
  const auto gathered = co_await transport->gather(*std::move(ready), gather_timeout);
  if (!gathered) co_return gathered.error();
  co_return std::shared_ptr<NiceTransport>(std::move(transport));
}

}  // namespace

struct NiceService::Impl {
  std::shared_ptr<const DtlsIdentity> identity;
  std::shared_ptr<GlibThread> glib = std::make_shared<GlibThread>();
};

NiceService::NiceService(std::shared_ptr<const DtlsIdentity> identity) : impl_(std::make_shared<Impl>()) {
  impl_->identity = std::move(identity);
}

NiceService::~NiceService() = default;

void NiceService::set_identity(std::shared_ptr<const DtlsIdentity> identity) {
  impl_->identity = std::move(identity);
}

asio::awaitable<core::Result<std::shared_ptr<NiceTransport>>> NiceService::create(NiceConfig config,
                                                                                  TransportEvents& events) {
  return create_transport(impl_->glib, impl_->identity, std::move(config), &events);
}

}  // namespace partyline::rtp
