#include "rtp/transport/ice_lite_session.hpp"

#include "core/counters.hpp"
#include "core/random.hpp"
#include "rtp/transport/host_addresses.hpp"

namespace partyline::rtp {

size_t IceLiteTable::Hash::operator()(const IceRemoteKey& key) const {
  const size_t address = std::hash<boost::asio::ip::address>{}(key.endpoint.address());
  return (address * 31 + key.endpoint.port()) * 31 + key.connection;
}

void IceLiteTable::add(const std::string& ufrag, IceLiteSession& session) {
  by_ufrag_.emplace(ufrag, &session);
}

void IceLiteTable::remove_ufrag(const std::string& ufrag) {
  by_ufrag_.erase(ufrag);
}

void IceLiteTable::remove(IceLiteSession& session) {
  std::erase_if(by_ufrag_, [&](const auto& entry) { return entry.second == &session; });
  for (const auto& remote : session.remotes().all()) {
    if (find(remote.key) == &session) by_remote_.erase(remote.key);
  }
}

IceLiteSession* IceLiteTable::find(std::string_view ufrag) const {
  const auto it = by_ufrag_.find(ufrag);
  return it == by_ufrag_.end() ? nullptr : it->second;
}

IceLiteSession* IceLiteTable::find(const IceRemoteKey& remote) const {
  const auto it = by_remote_.find(remote);
  return it == by_remote_.end() ? nullptr : it->second;
}

void IceLiteTable::assign(const IceRemoteKey& remote, IceLiteSession& session) {
  IceLiteSession*& owner = by_remote_[remote];
  if (owner != nullptr && owner != &session) owner->lost_remote(remote);
  owner = &session;
}

void IceLiteTable::release(const IceRemoteKey& remote) {
  by_remote_.erase(remote);
}

std::vector<IceLiteSession*> IceLiteTable::all() const {
  std::vector<IceLiteSession*> sessions;
  sessions.reserve(by_ufrag_.size());
  for (const auto& [ufrag, session] : by_ufrag_)
    if (ufrag == session->ufrag()) sessions.push_back(session);  // each once, whatever it was before a restart
  return sessions;
}

void IceLiteShared::send(std::span<const uint8_t> datagram, const IceRemotes::Remote& to) {
  if (to.key.connection == 0) {
    socket->send(datagram, to.key.endpoint, to.local);
  } else {
    tcp->send(to.key.connection, datagram);
  }
}

void IceLiteShared::forget(const IceRemoteKey& remote) {
  table.release(remote);
  if (remote.connection != 0) tcp->release(remote.connection);
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
      heard_(now),
      checked_(now) {
  shared_->table.add(local_.ufrag, *this);
  ++shared_->sessions;
}

IceLiteSession::~IceLiteSession() {
  close();
}

const std::string* IceLiteSession::pwd_of(std::string_view ufrag) const {
  if (ufrag == local_.ufrag) return &local_.pwd;
  return former_ && ufrag == former_->ufrag ? &former_->pwd : nullptr;
}

IceDescription IceLiteSession::restart() {
  if (former_) {
    shared_->table.remove_ufrag(local_.ufrag);  // of a restart that nobody has followed
  } else {
    former_ = Credentials{local_.ufrag, local_.pwd};
  }
  local_.ufrag = core::random_token(8);
  local_.pwd = core::random_token(24);
  if (events_ != nullptr) shared_->table.add(local_.ufrag, *this);
  return local_;
}

void IceLiteSession::on_check(std::string_view ufrag, const IceRemoteKey& from, const LocalAddress& local,
                              bool use_candidate, core::TimePoint now) {
  if (events_ == nullptr) return;
  if (former_ && ufrag == local_.ufrag) {
    shared_->table.remove_ufrag(former_->ufrag);
    former_.reset();
  }
  heard_ = checked_ = now;
  const IceRemotes::Change change = remotes_.check(from, local, use_candidate, now);
  if (change.evicted) shared_->forget(*change.evicted);
  if (change.added) shared_->table.assign(from, *this);
  if (change.selected) channel_.path_ready();
}

void IceLiteSession::receive(core::Buffer packet, const IceRemoteKey& from, core::TimePoint now) {
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
  if (now - heard_ >= config.silence_timeout) {
    return core::make_error(core::ErrorCode::timeout, "nothing came from the peer any more");
  }
  if (now - checked_ >= config.consent_timeout) {
    return core::make_error(core::ErrorCode::timeout, "the peer does not consent any more (RFC 7675)");
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
  const auto address = unmapped(remote->key.endpoint).address();
  const auto port =
      ":" + std::to_string(remote->key.endpoint.port()) + (remote->key.connection == 0 ? "" : " over TCP");
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
  --shared_->sessions;
  for (const auto& remote : remotes_.all()) {
    if (remote.key.connection != 0) shared_->tcp->release(remote.key.connection);
  }
}

void IceLiteSession::send_datagram(std::span<const uint8_t> datagram) {
  if (const auto* remote = remotes_.selected()) shared_->send(datagram, *remote);
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
