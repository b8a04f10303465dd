#include "whip_client/peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iterator>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "core/mailbox.hpp"
#include "core/random.hpp"
#include "whip_client/connection.hpp"
#include "whip_client/ice_restart.hpp"
#include "whip_client/retry_policy.hpp"
#include "whip_client/signalling.hpp"

namespace partyline::whip_client {

namespace asio = boost::asio;
using core::Clock;
using core::EncodedFrame;

namespace {

constexpr size_t mailbox_capacity = 256;  // frames; two seconds of audio and video

core::Counter& dropped(std::string_view reason) {
  return core::counter("partyline_whip_client_frames_dropped_total", fmt::format("reason=\"{}\"", reason));
}

/// A programming error: not to be survived in silence.
void rethrow(std::exception_ptr failure) {
  if (failure) std::rethrow_exception(failure);
}

/// For logs: marks and secrets are in the query.
std::string without_query(std::string_view url) {
  return core::printable(url.substr(0, url.find('?')));
}

/// Where the mixer's threads put frames for the server.
class PublisherSink final : public core::FrameSink {
 public:
  PublisherSink(const asio::any_io_executor& executor, std::function<void(EncodedFrame&)> handler)
      : box_(core::Mailbox<EncodedFrame>::create(executor, mailbox_capacity, std::move(handler))) {}

  void push(const EncodedFrame& frame) override {
    if (!box_->push(frame)) overflow_.add();
  }

 private:
  std::shared_ptr<core::Mailbox<EncodedFrame>> box_;
  core::Counter& overflow_ = dropped("mailbox_full");
};

/// The story of one peer. It lives until its coroutine ends, which stop() brings about; what is left to do then (the
/// DELETE) is done without a word to anybody.
class Story final : public std::enable_shared_from_this<Story> {
 public:
  Story(asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config, PeerEvents& events, Role role)
      : executor_(std::move(executor)),
        ice_(ice),
        config_(std::move(config)),
        events_(&events),
        role_(role),
        retry_(config_.first_retry, config_.longest_retry, core::random_u64()),
        watchdog_(config_.media_timeout),
        timer_(executor_) {}

  void start() {
    if (started_ || stopped_) return;
    started_ = true;
    asio::co_spawn(executor_, tell(shared_from_this()), rethrow);
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    events_ = nullptr;
    timer_.cancel();
    if (connection_) connection_->close();
  }

  PeerState state() const { return state_; }
  rtp::SessionStats stats() const { return connection_ ? connection_->stats() : rtp::SessionStats{}; }
  void request_keyframe() {
    if (connection_) connection_->request_keyframe(Clock::now());
  }

  void set_bitrate_wish(core::Bitrate wish) {
    wish_ = wish;
    if (connection_) connection_->set_bitrate_wish(wish, Clock::now());
  }

  size_t layers() const { return connection_ ? connection_->layers() : 1; }

  void send(const EncodedFrame& frame, size_t layer) {
    if (state_ != PeerState::connected || !connection_ || stopped_) {
      not_connected_.add();
    } else if (!connection_->send(frame, layer, Clock::now())) {
      not_agreed_.add();
    }
  }

  const asio::any_io_executor& executor() const { return executor_; }

 private:
  static asio::awaitable<void> tell(std::shared_ptr<Story> self) {
    while (!self->stopped_) {
      self->set_state(PeerState::connecting, {});
      if (self->stopped_) co_return;
      const Refusal refusal = co_await self->attempt();
      if (self->stopped_) co_return;
      const core::Duration delay = self->retry_.on_failure(refusal, Clock::now());
      core::log_debug("{} url={} {}; again in {} ms", self->word(), without_query(self->config_.url), refusal.why,
                      core::to_ms(delay));
      self->set_state(PeerState::waiting, refusal.why);
      if (self->stopped_) co_return;
      self->timer_.expires_after(delay);
      boost::system::error_code ignored;
      co_await self->timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  /// One connection from the offer to the DELETE.
  asio::awaitable<Refusal> attempt() {
    const auto connection = std::make_shared<Connection>(executor_, role_, config_.cname, watchdog_, *events_);
    connection_ = connection;
    if (wish_) connection->set_bitrate_wish(*wish_, Clock::now());
    rtp::NiceConfig nice;
    nice.remote_host = host_of(config_.url);
    if (!is_this_machine(nice.remote_host)) {
      nice.ice_servers = config_.ice_servers;
      nice.ice_servers.insert(nice.ice_servers.end(), learned_stun_.begin(), learned_stun_.end());
      nice.ice_tcp = config_.ice_tcp;
    }
    const auto ice = co_await connection->open(ice_, std::move(nice));
    if (!ice || stopped_) co_return finish(ice ? Refusal{} : broken(ice.error()));

    const Offer offer = make_offer(role_, config_, *ice, core::random_u64() >> 1, ssrcs());
    PostOutcome outcome = co_await post_offer(config_, to_string(offer.description), role_ == Role::publisher);
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) co_return finish(*refusal);

    const Resource resource = std::move(std::get<Resource>(outcome));
    const Refusal refusal = co_await converse(*connection, offer, resource);
    connection->close();
    // Always, also after failures: SRS keeps the name of a session that never came up busy for half a minute.
    if (!resource.url.empty()) co_await delete_resource(config_, resource.url);
    co_return finish(refusal);
  }

  asio::awaitable<Refusal> converse(Connection& connection, const Offer& offer, const Resource& resource) {
    if (stopped_) co_return Refusal{};
    if (!is_this_machine(host_of(config_.url))) {
      // A STUN server is too late for the candidates we sent, but the next attempt knows it.
      learned_stun_.clear();
      std::ranges::copy_if(resource.ice_servers, std::back_inserter(learned_stun_),
                           [](const rtp::IceServer& server) { return server.url.starts_with("stun"); });
      co_await connection.add_ice_servers(resource.ice_servers);
      if (stopped_) co_return Refusal{};
    }
    auto agreement = accept(offer, role_, resource.answer);
    if (!agreement) co_return Refusal{RefusalKind::unfit, agreement.error().message, std::nullopt};
    if (const auto connected = connection.connect(std::move(*agreement)); !connected) {
      co_return broken(connected.error());
    }
    if (const auto established = co_await connection.established(); !established) co_return broken(established.error());
    if (stopped_) co_return Refusal{};

    retry_.on_connected(Clock::now());
    core::log_debug("{} url={} connected", word(), without_query(config_.url));
    set_state(PeerState::connected, {});
    // The server's players can start only with a keyframe.
    if (events_ && role_ == Role::publisher && config_.video) events_->on_keyframe_request();
    if (resource.patchable) {
      const auto& section = offer.description.media.front();  // the BUNDLE's
      connection.set_restart([this, &connection, url = resource.url, kind = section.kind, mid = section.mid] {
        core::log_info("{} url={} the path is lost, ICE restarts", word(), without_query(config_.url));
        asio::co_spawn(executor_, restart_ice(config_, connection.shared_from_this(), url, kind, mid), rethrow);
      });
    }
    const core::Error why = co_await connection.run();
    co_return Refusal{RefusalKind::unavailable, why.message, std::nullopt};
  }

  Refusal finish(Refusal refusal) {
    if (connection_) connection_->close();
    connection_.reset();
    return refusal;
  }

  static Refusal broken(const core::Error& error) { return {RefusalKind::unavailable, error.message, std::nullopt}; }

  static std::array<uint32_t, 3> ssrcs() {
    const uint32_t any = core::random_u32() | 1;  // never 0, which means "none" in places
    return {any, any ^ (core::random_u32() << 2 | 2), any ^ (core::random_u32() << 3 | 4)};
  }

  std::string_view word() const { return role_ == Role::publisher ? "whip" : "whep"; }

  void set_state(PeerState state, const std::string& why) {
    state_ = state;
    if (events_) events_->on_peer_state(state, why);
  }

  asio::any_io_executor executor_;
  rtp::NiceService& ice_;
  const PeerConfig config_;
  PeerEvents* events_;  ///< null after stop()
  const Role role_;
  RetryPolicy retry_;
  MediaWatchdog watchdog_;
  asio::steady_timer timer_;
  std::shared_ptr<Connection> connection_;    ///< of the current attempt
  std::vector<rtp::IceServer> learned_stun_;  ///< from the last response's Link headers
  std::optional<core::Bitrate> wish_;
  PeerState state_ = PeerState::connecting;
  bool started_ = false, stopped_ = false;
  core::Counter& not_connected_ = dropped("not_connected");
  core::Counter& not_agreed_ = dropped("not_agreed");
};

/// What the owner holds. Dropping it is stop(): the story itself is kept alive by its coroutine.
class Handle final : public Peer {
 public:
  Handle(std::shared_ptr<Story> story, Role role, size_t layers) : story_(std::move(story)) {
    for (size_t layer = 0; role == Role::publisher && layer < std::max<size_t>(layers, 1); ++layer) {
      const auto handler = [weak = std::weak_ptr(story_), layer](EncodedFrame& frame) {
        if (const auto owner = weak.lock()) owner->send(frame, layer);
      };
      sinks_.push_back(std::make_shared<PublisherSink>(story_->executor(), handler));
    }
  }
  ~Handle() override { story_->stop(); }

  void start() override { story_->start(); }
  void stop() override { story_->stop(); }
  PeerState state() const override { return story_->state(); }
  rtp::SessionStats stats() const override { return story_->stats(); }
  void request_keyframe() override { story_->request_keyframe(); }
  void set_bitrate_wish(core::Bitrate wish) override { story_->set_bitrate_wish(wish); }
  std::shared_ptr<core::FrameSink> sink(size_t layer) override {
    return layer < sinks_.size() ? sinks_[layer] : nullptr;
  }
  size_t layers() const override { return story_->layers(); }

 private:
  std::shared_ptr<Story> story_;
  std::vector<std::shared_ptr<core::FrameSink>> sinks_;  ///< by simulcast layer
};

std::shared_ptr<Peer> make_peer(asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config,
                                PeerEvents& events, Role role) {
  const size_t layers = config.simulcast.size();
  auto story = std::make_shared<Story>(std::move(executor), ice, std::move(config), events, role);
  return std::make_shared<Handle>(std::move(story), role, layers);
}

}  // namespace

std::shared_ptr<Peer> make_publisher(asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config,
                                     PeerEvents& events) {
  return make_peer(std::move(executor), ice, std::move(config), events, Role::publisher);
}

std::shared_ptr<Peer> make_subscriber(asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config,
                                      PeerEvents& events) {
  return make_peer(std::move(executor), ice, std::move(config), events, Role::subscriber);
}

}  // namespace partyline::whip_client
