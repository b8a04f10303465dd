#include "whip_client/connection.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace partyline::whip_client {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;
using namespace std::chrono_literals;

namespace {

constexpr core::Duration longest_nap = 100ms, watch_interval = 250ms;

/// Waits until `timer` expires or is cancelled; both are just a reason to look again.
asio::awaitable<void> nap(asio::steady_timer& timer) {
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, Role role, std::string cname, MediaWatchdog& watchdog,
                       PeerEvents& events)
    : role_(role), cname_(std::move(cname)), watchdog_(watchdog), events_(&events), turn_(executor), wake_(executor) {}

Connection::~Connection() {
  // The transport may outlive us for a moment; our events must not be called by it.
  if (transport_) transport_->close();
}

asio::awaitable<core::Result<rtp::IceDescription>> Connection::open(rtp::NiceService& ice, rtp::NiceConfig config) {
  const auto self = shared_from_this();
  auto transport = co_await ice.create(std::move(config), *this);
  if (!transport) co_return transport.error();
  if (closed_) {
    (*transport)->close();
    co_return core::make_error(core::ErrorCode::cancelled, "stopped");
  }
  transport_ = std::move(*transport);
  co_return transport_->local();
}

asio::awaitable<void> Connection::add_ice_servers(std::vector<rtp::IceServer> servers) {
  const auto self = shared_from_this();
  if (!closed_ && !servers.empty()) co_await transport_->add_ice_servers(std::move(servers));
}

core::Result<> Connection::connect(Agreement agreement) {
  if (closed_) return core::make_error(core::ErrorCode::cancelled, "stopped");
  tracks_ = std::move(agreement.tracks);
  layer_tracks_ = std::move(agreement.layers);
  layer_rates_ = std::move(agreement.layer_rates);
  return transport_->set_remote(agreement.ice);
}

asio::awaitable<core::Result<rtp::IceDescription>> Connection::regather() {
  const auto self = shared_from_this();
  co_return co_await transport_->regather();
}

core::Result<> Connection::restart(const rtp::IceDescription& theirs) {
  return transport_->restart(theirs);
}

void Connection::give_up(const std::string& why) {
  end(core::make_error(core::ErrorCode::unavailable, "the path is lost, and ICE not restarted: " + why));
}

asio::awaitable<core::Result<>> Connection::established() {
  const auto self = shared_from_this();
  while (!session_ && !over_) {
    turn_.expires_at(TimePoint::max());  // the transport gives up by itself
    co_await nap(turn_);
  }
  if (over_) co_return *over_;
  co_return core::Result<>{};
}

asio::awaitable<core::Error> Connection::run() {
  const auto self = shared_from_this();
  step();
  while (!over_) {
    turn_.expires_at(TimePoint::max());
    co_await nap(turn_);
  }
  co_return *over_;
}

// No coroutine: its frame would be taken from the heap at each step.
void Connection::step() {
  if (over_) return;
  const TimePoint now = Clock::now();
  watch(now);
  if (over_) return;
  wake_at_ = std::min(tick(now), now + longest_nap);
  if (over_) return;  // an event of the tick may have ended us
  wake_.expires_at(wake_at_);
  wake_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {  // cancelled: sooner
    if (const auto self = weak.lock()) self->step();
  });
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  events_ = nullptr;
  restart_ = nullptr;
  if (session_ && !over_) {
    session_->send_bye(Clock::now());
    for (const auto& layer : layers_) layer->session().send_bye(Clock::now());
  }
  if (transport_) transport_->close();
  end(core::make_error(core::ErrorCode::cancelled, "stopped"));
}

bool Connection::send(const core::EncodedFrame& frame, size_t layer, TimePoint now) {
  if (!session_ || over_ || layer > layers_.size()) return false;
  const bool sent = session_of(layer).send(frame, now);
  pump(now);
  return sent;
}

void Connection::request_keyframe(TimePoint now) {
  if (!session_ || over_ || !receives_video()) return;
  session_->request_keyframe(now);
  pump(now);
}

void Connection::set_bitrate_wish(core::Bitrate wish, TimePoint now) {
  wish_ = wish;
  if (!session_ || over_) return;
  if (role_ == Role::publisher && !shares_) session_->set_bitrate_wish(wish);
  if (role_ == Role::subscriber) session_->set_receive_wish(wish);
  pump(now);
}

rtp::SessionStats Connection::stats() const {
  if (!session_) return {};
  rtp::SessionStats all = session_->stats();
  for (const auto& layer : layers_) all.video.add_sent(layer->session().stats().video);
  return all;
}

void Connection::on_transport_connected() {
  if (closed_ || session_) return;
  const TimePoint now = Clock::now();
  rtp::SessionConfig config;
  config.cname = cname_;
  config.tracks = tracks_;
  for (const rtp::TrackConfig& each : layer_tracks_) config.neighbours.push_back(each.local_ssrc);
  const auto numbered = [](const rtp::TrackConfig& track) {
    return track.kind == core::MediaKind::video && track.transport_cc_extension != 0;
  };
  if (!layer_tracks_.empty() && std::ranges::any_of(tracks_, numbered)) {
    congestion_ = config.congestion = std::make_shared<rtp::TransportCongestion>();
    shares_.emplace(layer_rates_);
  }
  session_ = std::make_unique<rtp::Session>(std::move(config), *this, now);
  for (const rtp::TrackConfig& each : layer_tracks_) {
    rtp::SessionConfig own;
    own.cname = cname_;
    own.tracks = {each};
    own.congestion = congestion_;
    own.leads = congestion_ == nullptr;
    for (const auto* tracks : {&tracks_, &layer_tracks_})
      for (const rtp::TrackConfig& other : *tracks) own.neighbours.push_back(other.local_ssrc);
    layers_.push_back(std::make_unique<LayerSession>(layers_.size() + 1, std::move(own), *this, *this, now));
  }
  watchdog_.on_connected(now, receives_video());
  if (wish_) set_bitrate_wish(*wish_, now);
  // No server sends a keyframe of its own accord: without asking, the picture starts at the publisher's next GOP.
  if (receives_video()) session_->request_keyframe(now);
  turn_.cancel();
}

void Connection::on_rtp(core::Buffer packet, TimePoint now) {
  if (!session_ || over_) return;
  session_->receive_rtp(std::move(packet), now);
  pump(now);
}

void Connection::on_rtcp(core::Buffer packet, TimePoint now) {
  if (!session_ || over_) return;
  session_->receive_rtcp(packet.span(), now);
  for (const auto& layer : layers_) layer->session().receive_rtcp(packet.span(), now);
  pump(now);
}

void Connection::on_transport_closed(const core::Error& why) {
  end(why);
}

bool Connection::on_path_lost() {
  if (over_ || !restart_) return false;
  path_lost_ = true;
  ++losses_;
  restart_();
  return true;
}

void Connection::on_path_found() {
  path_lost_ = false;
  watchdog_.on_connected(Clock::now(), receives_video());  // nothing could come meanwhile
}

void Connection::send_rtp(std::span<const uint8_t> packet) {
  transport_->send_rtp(packet);
}

void Connection::send_rtcp(std::span<const uint8_t> packet) {
  transport_->send_rtcp(packet);
}

void Connection::on_frame(const core::EncodedFrame& frame) {
  if (events_) events_->on_frame(frame);
}

void Connection::on_digit(char) {}  // no telephone events are negotiated

void Connection::on_keyframe_request() {
  if (events_) events_->on_keyframe_request();
}

void Connection::on_target_bitrate(core::Bitrate target) {
  if (events_) events_->on_target_bitrate(target);
}

void Connection::on_layer_keyframe_request(size_t layer) {
  if (events_) events_->on_layer_keyframe_request(layer);
}

void Connection::on_layer_target(size_t layer, core::Bitrate target) {
  if (events_) events_->on_layer_target(layer, target);
}

void Connection::share_path(TimePoint now) {
  constexpr core::Duration every = 100ms;
  if (!shares_ || now < next_share_) return;
  next_share_ = now + every;
  std::vector<rtp::Session*> sessions{session_.get()};
  for (const auto& layer : layers_) sessions.push_back(&layer->session());
  // What the wish is beyond the largest layer is for the sound.
  const int64_t sound = wish_ ? wish_->bits_per_second - layer_rates_.front().bits_per_second : 0;
  split_path(*shares_, *congestion_, sessions, {std::max<int64_t>(0, sound)}, now);
}

TimePoint Connection::tick(TimePoint now) {
  share_path(now);
  TimePoint next = session_->tick(now);
  for (const auto& layer : layers_) next = std::min(next, layer->session().tick(now));
  return next;
}

void Connection::end(core::Error why) {
  if (over_) return;
  over_ = std::move(why);
  turn_.cancel();
  wake_.cancel();
}

void Connection::pump(TimePoint now) {
  if (over_) return;
  if (tick(now) < wake_at_) wake_.cancel();
}

void Connection::watch(TimePoint now) {
  if (role_ != Role::subscriber || path_lost_ || now < next_watch_) return;
  next_watch_ = now + watch_interval;
  const rtp::SessionStats stats = session_->stats();
  switch (watchdog_.check(stats.audio.last_packet, stats.video.last_packet, now)) {
    case MediaWatchdog::Action::none:
      break;
    case MediaWatchdog::Action::request_keyframe:
      session_->request_keyframe(now);
      break;
    case MediaWatchdog::Action::restart:
      end(core::make_error(core::ErrorCode::timeout, "no media arrives"));
      break;
  }
}

bool Connection::receives_video() const {
  return std::ranges::any_of(
      tracks_, [](const rtp::TrackConfig& track) { return track.receiving && track.kind == core::MediaKind::video; });
}

}  // namespace partyline::whip_client
