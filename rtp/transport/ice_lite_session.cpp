#include "rtp/transport/ice_lite_session.hpp"

#include "core/counters.hpp"
#include "core/random.hpp"

namespace partyline::rtp {

size_t IceLiteTable::Hash::operator()(const Endpoint& endpoint) const {
  return std::hash<boost::asio::ip::address>{}(endpoint.address()) * 31 + endpoint.port();
}

void IceLiteTable::add(IceLiteSession& session) {
  by_ufrag_.emplace(session.ufrag(), &session);
}

void IceLiteTable::remove(IceLiteSession& session) {
  if (const auto it = by_ufrag_.find(session.ufrag()); it != by_ufrag_.end() && it->second == &session) {
    by_ufrag_.erase(it);
  }
  for (const auto& remote : session.remotes().all()) {
    if (find(remote.endpoint) == &session) by_remote_.erase(remote.endpoint);
  }
}

IceLiteSession* IceLiteTable::find(std::string_view ufrag) const {
  const auto it = by_ufrag_.find(ufrag);
  return it == by_ufrag_.end() ? nullptr : it->second;
}

IceLiteSession* IceLiteTable::find(const Endpoint& remote) const {
  const auto it = by_remote_.find(remote);
  return it == by_remote_.end() ? nullptr : it->second;
}

void IceLiteTable::assign(const Endpoint& remote, IceLiteSession& session) {
  IceLiteSession*& owner = by_remote_[remote];
  if (owner != nullptr && owner != &session) owner->lost_address(remote);
  owner = &session;
}

void IceLiteTable::release(const Endpoint& remote) {
  by_remote_.erase(remote);
}

std::vector<IceLiteSession*> IceLiteTable::all() const {
  std::vector<IceLiteSession*> sessions;
  sessions.reserve(by_ufrag_.size());
  for (const auto& [ufrag, session] : by_ufrag_) sessions.push_back(session);
  return sessions;
}

IceLiteSession::IceLiteSession(boost::asio::any_io_executor executor, std::shared_ptr<IceLiteShared> shared,
                               std::shared_ptr<const DtlsIdentity> identity, SecurePeer peer, TransportEvents& events,
                               core::TimePoint now)
    : shared_(std::move(shared)),
      events_(&events),
      local_{.ufrag = core::random_token(8),
             .pwd = core::random_token(24),
             .lite = true,
             .candidates = shared_->candidates,
             .fingerprint_hash = "sha-256",
             .fingerprint = identity->fingerprint(),
             .setup = peer.our_setup()},
      channel_(std::move(executor), identity, std::move(peer), *this),
      created_(now),
      heard_(now) {
  shared_->table.add(*this);
}

IceLiteSession::~IceLiteSession() {
  close();
}

void IceLiteSession::on_check(const Endpoint& from, const LocalAddress& local, bool use_candidate,
                              core::TimePoint now) {
  if (events_ == nullptr) return;
  heard_ = now;
  const IceRemotes::Change change = remotes_.check(from, local, use_candidate, now);
  if (change.evicted) shared_->table.release(*change.evicted);
  if (change.added) shared_->table.assign(from, *this);
  if (change.selected) channel_.path_ready();
}

void IceLiteSession::receive(core::Buffer packet, const Endpoint& from, core::TimePoint now) {
  if (!channel_.receive(std::move(packet), now)) return;
  heard_ = now;
  remotes_.heard(from, now);
}

std::optional<core::Error> IceLiteSession::overdue(const IceLiteConfig& config, core::TimePoint now) const {
  if (!connected_ && now - created_ >= config.connect_timeout) {
    return core::make_error(core::ErrorCode::timeout, remotes_.selected() == nullptr
                                                          ? "no ICE check came from the peer in time"
                                                          : "the DTLS handshake was not finished in time");
  }
  if (now - heard_ >= config.consent_timeout) {
    return core::make_error(core::ErrorCode::timeout, "nothing came from the peer any more");
  }
  return std::nullopt;
}

void IceLiteSession::fail(const core::Error& why) {
  TransportEvents* events = events_;
  if (events == nullptr) return;
  close();
  events->on_transport_closed(why);
}

IceDescription IceLiteSession::local() const {
  return local_;
}

std::string IceLiteSession::remote_address() const {
  const auto* remote = remotes_.selected();
  if (remote == nullptr) return {};
  const auto address = remote->endpoint.address();
  const auto port = ":" + std::to_string(remote->endpoint.port());
  return address.is_v6() ? "[" + address.to_string() + "]" + port : address.to_string() + port;
}

void IceLiteSession::send_rtp(std::span<const uint8_t> packet) {
  channel_.send_rtp(packet);
}

void IceLiteSession::send_rtcp(std::span<const uint8_t> packet) {
  channel_.send_rtcp(packet);
}

void IceLiteSession::close() {
  if (events_ == nullptr) return;
  events_ = nullptr;
  channel_.close();
  shared_->table.remove(*this);
}

void IceLiteSession::send_datagram(std::span<const uint8_t> datagram) {
  if (const auto* remote = remotes_.selected()) shared_->socket->send(datagram, remote->endpoint, remote->local);
}

void IceLiteSession::on_secure_connected() {
  connected_ = true;
  if (events_ != nullptr) events_->on_transport_connected();
}

void IceLiteSession::on_secure_rtp(core::Buffer packet, core::TimePoint now) {
  if (events_ != nullptr) events_->on_rtp(std::move(packet), now);
}

void IceLiteSession::on_secure_rtcp(core::Buffer packet, core::TimePoint now) {
  if (events_ != nullptr) events_->on_rtcp(std::move(packet), now);
}

void IceLiteSession::on_secure_closed(const core::Error& why) {
  fail(why);
}

}  // namespace partyline::rtp
