#include "rtp/transport/nice_transport.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "rtp/transport/consent_doubt.hpp"
#include "rtp/transport/glib_thread.hpp"
#include "rtp/transport/ice_client_config.hpp"
#include "rtp/transport/ice_path.hpp"
#include "rtp/transport/secure_channel.hpp"

namespace partyline::rtp {
namespace {

namespace asio = boost::asio;

constexpr const char* kNoConsent = "the peer does not consent any more (RFC 7675)";

core::Counter& no_consent() {
  static core::Counter& counter = core::counter("partyline_ice_client_dropped_total", R"(reason="no_consent")");
  return counter;
}

class NiceTransportImpl final : public NiceTransport,
                                public SecureChannelOwner,
                                public IcePathOwner,
                                public std::enable_shared_from_this<NiceTransportImpl> {
 public:
  NiceTransportImpl(asio::any_io_executor executor, std::shared_ptr<GlibThread> glib,
                    std::shared_ptr<const DtlsIdentity> identity, NiceConfig config, TransportEvents& events)
      : executor_(executor),
        glib_(std::move(glib)),
        identity_(std::move(identity)),
        config_(std::move(config)),
        events_(&events),
        deadline_(executor) {}

  ~NiceTransportImpl() override { close(); }

  asio::awaitable<core::Result<>> gather() {
    const auto keep = shared_from_this();
    auto gathered = co_await new_path();
    if (!gathered) {
      close();
      co_return gathered.error();
    }
    path_ = *std::move(gathered);
    co_return core::Result<>();
  }

  IceDescription local() const override { return describe(*path_); }
  std::string remote_address() const override { return path_->remote_address(); }

  asio::awaitable<void> add_ice_servers(std::vector<IceServer> servers) override {
    constexpr core::Duration kResolve = std::chrono::seconds(1);  // the answer waits
    const auto keep = shared_from_this();
    config_.ice_servers.insert(config_.ice_servers.end(), servers.begin(), servers.end());
    path_->add_relays(co_await relays_of(std::move(servers), kResolve));
  }

  core::Result<> set_remote(const IceDescription& remote) override {
    if (events_ == nullptr || channel_) {
      return core::make_error(core::ErrorCode::conflict, "this transport has its answer already, or is closed");
    }
    auto peer = SecurePeer::from(remote);
    if (!peer) return peer.error().with_context("answer");
    if (auto set = path_->set_remote(remote); !set) return set.error().with_context("answer");
    remote_ = remote;
    channel_ = std::make_unique<SecureChannel>(executor_, identity_, *std::move(peer), *this);
    give_up_after(config_.connect_timeout);
    return {};
  }

  asio::awaitable<core::Result<IceDescription>> regather() override {
    const auto keep = shared_from_this();
    auto gathered = co_await new_path();
    if (!gathered) co_return gathered.error();
    if (next_) next_->close();  // of a restart that came to nothing
    next_ = *std::move(gathered);
    co_return describe(*next_);
  }

  core::Result<> restart(const IceDescription& remote) override {
    if (events_ == nullptr || !next_) {
      return core::make_error(core::ErrorCode::conflict, "no ICE restart is under way, or the transport is closed");
    }
    IceDescription whole = remote;
    if (whole.candidates.empty()) whole.candidates = remote_.candidates;
    return next_->set_remote(whole);
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
    if (channel_) channel_->close();
    for (const auto& path : {path_, next_, gathering_.lock()}) {
      if (path) path->close();
    }
  }

  void send_datagram(std::span<const uint8_t> datagram) override {
    if (expired_) return no_consent().add();
    path_->send(datagram);
  }
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

  void on_path_state(const IcePath& path, IceAgentState state) override {
    if (!channel_ || events_ == nullptr) return;
    const auto keep = shared_from_this();
    if (&path == next_.get()) {
      if (state == IceAgentState::connected) take_over();
      if (state == IceAgentState::failed) end_restart();
    } else if (&path == path_.get()) {
      if (state == IceAgentState::connected && !std::exchange(has_path_, true)) channel_->path_ready();
      if (state == IceAgentState::failed) lose_path();
    }
  }

  void on_path_selected(const IcePath& path) override {
    if (&path == path_.get() && has_path_ && channel_) channel_->path_ready();
  }

  void on_path_packet(core::Buffer packet) override {
    const core::TimePoint now = core::Clock::now();
    if (channel_ && channel_->receive(std::move(packet), now)) heard_ = now;
  }

 private:
  asio::awaitable<core::Result<std::shared_ptr<IcePath>>> new_path() {
    auto ready = co_await ice_agent_config(config_);
    if (!ready) co_return ready.error().with_context("ICE");
    if (events_ == nullptr) co_return core::make_error(core::ErrorCode::cancelled, "closed");
    auto path = IcePath::create(executor_, *glib_, weak_from_this());
    gathering_ = path;
    const auto gathered = co_await path->gather(*std::move(ready), config_.gather_timeout);
    if (gathered && events_ != nullptr) co_return path;
    path->close();
    co_return gathered ? core::make_error(core::ErrorCode::cancelled, "closed") : gathered.error();
  }

  IceDescription describe(const IcePath& path) const {
    return {.ufrag = path.local().ufrag,
            .pwd = path.local().pwd,
            .lite = false,
            .candidates = path.local().candidates,
            .fingerprint_hash = "sha-256",
            .fingerprint = identity_->fingerprint(),
            .setup = "actpass"};
  }

  void give_up_after(core::Duration time) {
    deadline_.expires_after(time);
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (!ec && self) self->on_deadline();
    });
  }

  void on_deadline() {
    if (connected_ && !lost_) return;
    if (lost_ && !std::exchange(expired_, true)) return give_up_after(config_.restart_timeout);
    if (lost_) return fail(core::make_error(core::ErrorCode::timeout, kNoConsent));
    fail(core::make_error(core::ErrorCode::timeout,
                          has_path_ ? "the DTLS handshake was not finished in time" : "ICE found no path in time"));
  }

  void lose_path() {
    if (lost_) return;
    if (connected_ && doubt_.goes_on(heard_, core::Clock::now())) return path_->go_on();
    if (connected_ && events_->on_path_lost()) {
      lost_ = true;
      path_->go_on();  // until consent expires: a restart that is quick leaves no gap
      return give_up_after(ConsentDoubt::kRest);
    }
    fail(core::make_error(core::ErrorCode::unavailable, connected_ ? kNoConsent : "ICE found no path"));
  }

  void take_over() {
    std::exchange(path_, std::exchange(next_, nullptr))->close();
    if (connected_) deadline_.cancel();
    lost_ = expired_ = false;
    doubt_ = {};
    channel_->path_ready();  // a handshake that is under way goes on there
    if (events_ != nullptr) events_->on_path_found();
  }

  // Of a restart in good time there is still the path of before.
  void end_restart() {
    std::exchange(next_, nullptr)->close();
    if (lost_) fail(core::make_error(core::ErrorCode::unavailable, "the ICE restart found no path"));
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
  NiceConfig config_;
  TransportEvents* events_;  // null after close
  asio::steady_timer deadline_;
  std::shared_ptr<IcePath> path_, next_;  // next_: of a restart, until it works
  std::weak_ptr<IcePath> gathering_;
  IceDescription remote_;
  std::unique_ptr<SecureChannel> channel_;
  ConsentDoubt doubt_;
  core::TimePoint heard_{};  // the last packet that was proved to be the peer's
  bool has_path_ = false;
  bool connected_ = false;
  bool lost_ = false;     // connected before, and waiting for a restart
  bool expired_ = false;  // and consent is over: nothing is sent
};

asio::awaitable<core::Result<std::shared_ptr<NiceTransport>>> create_transport(
    std::shared_ptr<GlibThread> glib, std::shared_ptr<const DtlsIdentity> identity, NiceConfig config,
    TransportEvents* events) {
  const auto executor = co_await asio::this_coro::executor;
  auto transport =
      std::make_shared<NiceTransportImpl>(executor, std::move(glib), std::move(identity), std::move(config), *events);
  const auto gathered = co_await transport->gather();
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
