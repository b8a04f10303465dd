#include "sfu/hub.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "core/client_network.hpp"
#include "core/counters.hpp"
#include "core/log.hpp"
#include "core/random.hpp"

namespace partyline::sfu {

namespace asio = boost::asio;
using core::ErrorCode;
using core::make_error;

namespace {

constexpr core::Duration kIdleTick = std::chrono::seconds(1);  // without a publisher

std::string_view word_for(SessionKind kind) {
  return kind == SessionKind::publish ? "publisher" : "player";
}

std::string what_is_sent(const PublisherFormats& formats) {
  std::string out;
  for (const auto* track : {&formats.audio, &formats.video})
    if (*track) out += (out.empty() ? "" : " and ") + std::string(core::name_of((*track)->codec));
  return out;
}

std::string what_is_taken(const PlayerFormats& formats) {
  std::string out;
  for (const auto* list : {&formats.audio, &formats.video})
    for (const auto& format : *list) out += (out.empty() ? "" : " ") + std::string(core::name_of(format.codec));
  return out;
}

// The session identifier of SDP's o= line fits into 63 bits (RFC 8829 §5.2.1).
uint64_t sdp_session_id() {
  return core::random_u64() >> 1;
}

}  // namespace

Hub::Hub(asio::any_io_executor executor, SfuConfig config, std::shared_ptr<const rtp::DtlsIdentity> identity)
    : executor_(executor),
      config_(std::move(config)),
      ice_(executor, config_.ice, std::move(identity)),
      hooks_(config_.hook_urls, config_.hook_timeout),
      tick_timer_(executor) {}

core::Result<> Hub::start() {
  return ice_.start();
}

void Hub::stop() {
  if (std::exchange(stopped_, true)) return;
  tick_timer_.cancel();
  const auto sessions = sessions_;
  for (const auto& [token, session] : sessions) {
    session->announced = false;  // whoever would be told stops, too
    end(*session, "the SFU stops");
  }
  ice_.stop();
}

core::Result<> Hub::check_limits(const SessionRequest& request) const {
  if (stopped_) return make_error(ErrorCode::unavailable, "the SFU stops");
  const auto pending = pending_.find(core::client_network(request.remote_address));
  if (pending != pending_.end() && pending->second >= config_.max_pending_per_address)
    return make_error(ErrorCode::limit, "too many sessions of this address are still connecting");
  return {};
}

core::Result<std::shared_ptr<Stream>> Hub::stream_of(const SessionRequest& request) {
  const StreamKey key{request.app, request.stream};
  if (const auto it = streams_.find(key); it != streams_.end()) return it->second;
  if (streams_.size() >= config_.max_streams) return make_error(ErrorCode::limit, "too many streams");
  auto stream = std::make_shared<Stream>();
  stream->app = request.app;
  stream->name = request.stream;
  stream->id = "vid-" + core::random_token(7);
  streams_.emplace(key, stream);
  return stream;
}

void Hub::drop_if_empty(const std::shared_ptr<Stream>& stream) {
  if (stream->publisher != nullptr || stream->players > 0 || stream->claimant != nullptr) return;
  const auto it = streams_.find({stream->app, stream->name});
  if (it != streams_.end() && it->second == stream) streams_.erase(it);
}

std::shared_ptr<Session> Hub::add_session(SessionKind kind, std::shared_ptr<Stream> stream,
                                          const SessionRequest& request) {
  HookSubject subject{core::random_token(8), request.remote_address, request.app, request.stream, stream->id,
                      request.param};
  auto session = std::make_shared<Session>(*this, kind, std::move(stream), std::move(subject), core::Clock::now());
  sessions_.emplace(session->token, session);
  ++pending_[core::client_network(request.remote_address)];
  return session;
}

asio::awaitable<core::Result<>> Hub::admit(std::shared_ptr<Session> session, AnswerDraft draft) {
  const bool publishing = session->kind == SessionKind::publish;
  session->announced = true;  // even a hook that refuses may have acted: it is told of the end, as SRS does
  auto asked = co_await hooks_.ask(publishing ? "on_publish" : "on_play", session->subject);
  if (asked && session->ended) asked = make_error(ErrorCode::unavailable, "the session was ended meanwhile");
  if (!asked) {
    end(*session, asked.error().message);
    co_return asked.error();
  }
  const auto& section = draft.offer.media[draft.plan.media.front().index];
  session->ice_kind = section.kind;
  session->ice_mid = section.mid;
  session->remote_ufrag = draft.remote_ice.ufrag;
  auto transport = ice_.create(draft.remote_ice, *session);
  if (!transport) {
    end(*session, transport.error().message);
    co_return transport.error();
  }
  session->transport = std::move(*transport);
  co_return core::Result<>();
}

bool Hub::is_alive(const Session& publisher) const {
  return core::Clock::now() - publisher.last_heard() < config_.publisher_silence;
}

core::Error Hub::name_is_taken(const Stream& stream) {
  return make_error(ErrorCode::conflict, "the stream " + core::printable(stream.label()) +
                                             " is being published: choose another name or end the other one");
}

// The hooks have been asked: who may not publish throws nobody out. They know the new one as the publisher now, so it
// is, even if the silent one has come back to life meanwhile.
void Hub::take_name(Session& session) {
  Session* const other = std::exchange(session.stream->publisher, &session);
  session.on_name_taken(core::Clock::now());  // the hooks may have taken long, it connects only now
  if (other != nullptr && other != &session) end(*other, "silent, and another publisher wants its name");
}

asio::awaitable<core::Result<CreatedSession>> Hub::publish(SessionRequest request) {
  const auto self = shared_from_this();
  auto draft = draft_for_publisher(request.offer, config_.video_codecs);
  if (!draft) co_return draft.error();
  if (auto allowed = check_limits(request); !allowed) co_return allowed.error();
  const auto found = stream_of(request);
  if (!found) co_return found.error();
  Stream& stream = **found;
  // One claimant at a time: the hooks take the last one they were asked of for the publisher.
  if (stream.claimant != nullptr)
    co_return make_error(ErrorCode::unavailable, "somebody else asks for the stream " +
                                                     core::printable(stream.label()) + " at this moment: try again");
  if (stream.publisher != nullptr && is_alive(*stream.publisher)) co_return name_is_taken(stream);
  const auto session = add_session(SessionKind::publish, *found, request);
  if (stream.publisher == nullptr) stream.publisher = session.get();
  stream.claimant = session.get();
  session->publisher_formats = draft->formats;
  const auto admitted = co_await admit(session, *draft);
  if (stream.claimant == session.get()) stream.claimant = nullptr;
  if (admitted) take_name(*session);
  drop_if_empty(*found);
  if (!admitted) co_return admitted.error();
  core::log_info("stream={} publisher {} from {} sends {}", core::printable(stream.label()), session->subject.client_id,
                 request.remote_address, what_is_sent(draft->formats));
  co_return CreatedSession{session->token, session->etag,
                           write_publish_answer(*draft, session->transport->local(), sdp_session_id())};
}

asio::awaitable<core::Result<CreatedSession>> Hub::play(SessionRequest request) {
  const auto self = shared_from_this();
  if (auto allowed = check_limits(request); !allowed) co_return allowed.error();
  std::optional<PublisherFormats> published;
  if (const auto it = streams_.find({request.app, request.stream}); it != streams_.end()) {
    if (it->second->players >= config_.max_players_per_stream)
      co_return make_error(ErrorCode::limit, "too many players of this stream");
    if (it->second->publisher) published = it->second->publisher->publisher_formats;
  }
  auto draft = draft_for_player(request.offer, config_.video_codecs, published);
  if (!draft) co_return draft.error();
  auto stream = stream_of(request);
  if (!stream) co_return stream.error();
  const auto session = add_session(SessionKind::play, *stream, request);
  ++(*stream)->players;
  session->player_formats = draft->formats;
  const auto admitted = co_await admit(session, *draft);
  if (!admitted) co_return admitted.error();
  core::log_info("stream={} player {} from {} takes {}", core::printable((*stream)->label()),
                 session->subject.client_id, request.remote_address, what_is_taken(draft->formats));
  co_return CreatedSession{session->token, session->etag,
                           write_play_answer(*draft, session->transport->local(), sdp_session_id(), (*stream)->id)};
}

std::shared_ptr<Session> Hub::find(const std::string& token) const {
  const auto it = sessions_.find(token);
  return it == sessions_.end() ? nullptr : it->second;
}

void Hub::on_session_connected(Session& session) {
  if (session.ended) return;
  session.connected = true;
  const auto pending = pending_.find(core::client_network(session.subject.ip));
  if (pending != pending_.end() && --pending->second == 0) pending_.erase(pending);
  Stream& stream = *session.stream;
  const auto now = core::Clock::now();
  session.journal.emplace(std::string(word_for(session.kind)), "SFU", now);
  if (session.kind == SessionKind::publish) {
    stream.router.set_publisher(session.publisher_formats, session, now);
    for (const auto& [token, other] : sessions_)
      if (other->kind == SessionKind::play && other->stream == session.stream) warn_if_unplayable(*other);
    tick_later(StreamRouter::kTick);
  } else {
    session.player_id = stream.router.add_player(session.player_formats, session, now);
    warn_if_unplayable(session);
    tick_later(kIdleTick);
  }
  core::log_info("stream={} {} {} connected to {}", core::printable(stream.label()), word_for(session.kind),
                 session.subject.client_id, session.transport->remote_address());
}

void Hub::warn_if_unplayable(const Session& player) const {
  const Session* const publisher = player.stream->publisher;
  if (publisher == nullptr || !publisher->publisher_formats.video) return;
  const auto& video = *publisher->publisher_formats.video;
  const auto& formats = player.player_formats.video;
  const bool plays = std::ranges::any_of(formats, [&](const auto& format) { return format.codec == video.codec; });
  if (!plays)
    core::log_warn("stream={} player {} gets no video: it did not accept {}", core::printable(player.stream->label()),
                   player.subject.client_id, core::name_of(video.codec));
}

void Hub::on_session_closed(Session& session, const core::Error& why) {
  end(session, why.message);
}

void Hub::end(Session& session, const std::string& why) {
  if (std::exchange(session.ended, true)) return;
  const auto it = sessions_.find(session.token);
  const std::shared_ptr<Session> keep = session.shared_from_this();
  if (it != sessions_.end()) sessions_.erase(it);
  Stream& stream = *session.stream;
  const std::string verdict = close_book(session);
  if (session.kind == SessionKind::publish) {
    if (session.connected) stream.router.clear_publisher();
    if (stream.publisher == &session) stream.publisher = nullptr;
    if (stream.claimant == &session) stream.claimant = nullptr;
  } else {
    if (session.connected) stream.router.remove_player(session.player_id);
    --stream.players;
  }
  if (!session.connected) {
    const auto pending = pending_.find(core::client_network(session.subject.ip));
    if (pending != pending_.end() && --pending->second == 0) pending_.erase(pending);
  }
  if (session.transport) session.transport->close();
  drop_if_empty(session.stream);
  core::log_info("stream={} {} {} ended after {} s: {}; {}", core::printable(stream.label()), word_for(session.kind),
                 session.subject.client_id, core::to_ms(core::Clock::now() - session.created) / 1000,
                 core::printable(why), verdict);
  if (session.announced)
    hooks_.tell(executor_, session.kind == SessionKind::publish ? "on_unpublish" : "on_stop", session.subject);
  asio::post(executor_, [keep] {});  // its transport may be calling: neither may die before that returns
}

void Hub::on_tick_wanted(core::Duration within) {
  if (within < StreamRouter::kTick) tick_later(within);
}

/// Or sooner, if that was agreed before.
void Hub::tick_later(core::Duration pause) {
  const auto due = core::Clock::now() + pause;
  if (std::exchange(ticking_, true) && tick_timer_.expiry() <= due) return;
  tick_timer_.expires_at(due);
  tick_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error || self->stopped_) return;
    self->ticking_ = false;
    const auto now = core::Clock::now();
    bool publishing = false;
    core::Duration next = StreamRouter::kTick;
    for (const auto& [key, stream] : self->streams_) {
      next = std::min(next, stream->router.tick(now));
      publishing |= stream->router.has_publisher();
    }
    self->note_links(now);
    // Who only waits for a publisher needs no more than his figures.
    if (publishing || !self->sessions_.empty()) self->tick_later(publishing ? next : kIdleTick);
  });
}

std::vector<StreamInfo> Hub::streams() const {
  std::vector<StreamInfo> result;
  for (const auto& [key, stream] : streams_) {
    StreamInfo info;
    info.app = stream->app;
    info.stream = stream->name;
    info.publishing = stream->publisher != nullptr;
    if (stream->publisher) info.client_id = stream->publisher->subject.client_id;
    info.players = static_cast<int>(stream->players);
    info.packets_in = stream->router.packets_in();
    info.packets_out = stream->router.packets_out();
    result.push_back(std::move(info));
  }
  return result;
}

}  // namespace partyline::sfu
