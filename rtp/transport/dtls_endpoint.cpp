#include "rtp/transport/dtls_endpoint.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <strings.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "rtp/transport/dtls_identity_impl.hpp"

namespace partyline::rtp {
namespace {

using State = DtlsEndpoint::State;

constexpr size_t kMaxFlight = 12;  // datagrams kept for resend()

// What OpenSSL reads and writes: one datagram at a time, never merged.
struct Wire {
  std::span<const uint8_t> incoming;  // valid during receive()
  std::function<void(std::span<const uint8_t>)> send;
  std::vector<std::vector<uint8_t>> flight;  // sent since the last datagram came
  bool keep_flight = true;
};

int wire_write(BIO* bio, const char* data, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  const std::span bytes(reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(std::max(size, 0)));
  if (wire.keep_flight && wire.flight.size() < kMaxFlight) wire.flight.emplace_back(bytes.begin(), bytes.end());
  wire.send(bytes);
  return size;
}

int wire_read(BIO* bio, char* data, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (wire.incoming.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = std::min(wire.incoming.size(), static_cast<size_t>(std::max(size, 0)));
  std::memcpy(data, wire.incoming.data(), count);
  wire.incoming = {};  // a datagram is read whole or cut
  return static_cast<int>(count);
}

long wire_control(BIO*, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return DtlsEndpoint::kMtu;
    default:
      return 0;
  }
}

BIO_METHOD* wire_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "partyline datagrams");
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
  }();
  return method;
}

unsigned retransmission_timer(SSL*, unsigned previous_us) {
  constexpr unsigned kFirst = 100'000, kLongest = 2'000'000;  // microseconds
  return previous_us == 0 ? kFirst : std::min(previous_us * 2, kLongest);
}

}  // namespace

struct DtlsEndpoint::Impl {
  std::shared_ptr<const DtlsIdentity> identity;
  DtlsRole role = DtlsRole::client;
  PeerFingerprint peer;
  Wire wire;
  SslPtr ssl;
  State state = State::fresh;
  core::Error error;
  std::unique_ptr<SrtpSession> srtp;

  void fail(core::ErrorCode code, std::string message) {
    if (state == State::failed || state == State::closed) return;
    state = State::failed;
    error = core::make_error(code, "DTLS: " + std::move(message));
  }

  void advance() {
    if (state != State::handshaking) return;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl.get());
    if (result == 1) return finish();
    const int why = SSL_get_error(ssl.get(), result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail(core::ErrorCode::unavailable, openssl_error());
  }

  void finish() {
    const X509Ptr certificate(SSL_get1_peer_certificate(ssl.get()));
    if (!certificate || !matches(*certificate)) {
      SSL_shutdown(ssl.get());
      return fail(core::ErrorCode::unauthorized, "the peer's certificate is not the one its SDP named");
    }
    auto keys = export_keys();
    if (!keys) return fail(keys.error().code, keys.error().message);
    srtp = *std::move(keys);
    state = State::established;
  }

  bool matches(const X509& certificate) const {
    const std::string seen = fingerprint_of(certificate, peer.hash);
    return !seen.empty() && ::strcasecmp(seen.c_str(), peer.value.c_str()) == 0;
  }

  // RFC 5764 §4.2: client key, server key, client salt, server salt.
  core::Result<std::unique_ptr<SrtpSession>> export_keys() {
    const SRTP_PROTECTION_PROFILE* chosen = SSL_get_selected_srtp_profile(ssl.get());
    if (chosen == nullptr) return core::make_error(core::ErrorCode::unsupported, "no common SRTP profile");
    const auto profile = static_cast<SrtpProfile>(chosen->id);
    const auto sizes = srtp_key_sizes(profile);
    if (!sizes) return core::make_error(core::ErrorCode::unsupported, "unknown SRTP profile");
    constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
    std::array<uint8_t, 2 * (32 + 14)> material;
    const size_t total = 2 * (sizes->key + sizes->salt);
    if (SSL_export_keying_material(ssl.get(), material.data(), total, kLabel.data(), kLabel.size(), nullptr, 0, 0) !=
        1) {
      return core::make_error(core::ErrorCode::internal, "cannot export keys: " + openssl_error());
    }
    const auto key_of = [&](size_t side) {
      std::vector<uint8_t> key(material.data() + side * sizes->key, material.data() + (side + 1) * sizes->key);
      const uint8_t* salt = material.data() + 2 * sizes->key + side * sizes->salt;
      key.insert(key.end(), salt, salt + sizes->salt);
      return key;
    };
    const size_t ours = role == DtlsRole::client ? 0 : 1;
    return SrtpSession::create(profile, key_of(ours), key_of(1 - ours));
  }

  // After the handshake only alerts and repeated flights of the peer are expected; data is read and thrown away.
  void read_alerts() {
    std::array<uint8_t, 2048> ignored;
    ERR_clear_error();
    const int result = SSL_read(ssl.get(), ignored.data(), ignored.size());
    if (result > 0) return;
    const int why = SSL_get_error(ssl.get(), result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
    if (why == SSL_ERROR_ZERO_RETURN || (SSL_get_shutdown(ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0) {
      state = State::closed;
      error = core::make_error(core::ErrorCode::unavailable, "the peer closed the session");
      return;
    }
    fail(core::ErrorCode::unavailable, openssl_error());
  }
};

DtlsEndpoint::DtlsEndpoint(std::shared_ptr<const DtlsIdentity> identity, DtlsRole role, PeerFingerprint peer,
                           std::function<void(std::span<const uint8_t>)> send)
    : impl_(std::make_unique<Impl>()) {
  impl_->identity = std::move(identity);
  impl_->role = role;
  impl_->peer = std::move(peer);
  impl_->wire.send = std::move(send);
}

DtlsEndpoint::~DtlsEndpoint() = default;

void DtlsEndpoint::start() {
  if (impl_->state != State::fresh) return;
  impl_->state = State::handshaking;
  impl_->ssl.reset(SSL_new(impl_->identity->impl().context.get()));
  BIO* bio = BIO_new(wire_method());
  if (!impl_->ssl || bio == nullptr) {
    BIO_free(bio);
    return impl_->fail(core::ErrorCode::internal, openssl_error());
  }
  BIO_set_data(bio, &impl_->wire);
  BIO_set_init(bio, 1);
  SSL* ssl = impl_->ssl.get();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_mtu(ssl, kMtu);
  DTLS_set_timer_cb(ssl, retransmission_timer);
  if (impl_->role == DtlsRole::client) {
    SSL_set_connect_state(ssl);
    impl_->advance();
  } else {
    SSL_set_accept_state(ssl);
  }
}

void DtlsEndpoint::receive(std::span<const uint8_t> datagram) {
  if (impl_->state == State::fresh && impl_->role == DtlsRole::server) start();
  if (impl_->state != State::handshaking && impl_->state != State::established) return;
  impl_->wire.incoming = datagram;
  if (impl_->state == State::handshaking) {
    std::vector<std::vector<uint8_t>> before = std::exchange(impl_->wire.flight, {});
    impl_->advance();
    // Nothing new to say (a fragment, or garbage): the old flight is still the last one.
    if (impl_->wire.flight.empty()) impl_->wire.flight = std::move(before);
  } else {
    impl_->wire.keep_flight = false;
    impl_->read_alerts();
  }
  impl_->wire.incoming = {};
}

void DtlsEndpoint::handle_timeout() {
  if (impl_->state != State::handshaking) return;
  ERR_clear_error();
  impl_->wire.keep_flight = false;
  const long result = DTLSv1_handle_timeout(impl_->ssl.get());
  impl_->wire.keep_flight = true;
  if (result < 0) impl_->fail(core::ErrorCode::timeout, "the peer does not answer the handshake");
}

std::optional<core::Duration> DtlsEndpoint::next_timeout() const {
  timeval left{};
  if (impl_->state != State::handshaking || DTLSv1_get_timeout(impl_->ssl.get(), &left) != 1) return std::nullopt;
  return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void DtlsEndpoint::resend() {
  if (impl_->state != State::handshaking) return;
  for (const auto& datagram : impl_->wire.flight) impl_->wire.send(datagram);
}

void DtlsEndpoint::close() {
  if (impl_->state == State::established) {
    ERR_clear_error();
    SSL_shutdown(impl_->ssl.get());
  }
  if (impl_->state == State::failed || impl_->state == State::closed) return;
  impl_->state = State::closed;
  impl_->error = core::make_error(core::ErrorCode::cancelled, "closed by us");
}

State DtlsEndpoint::state() const {
  return impl_->state;
}

const core::Error& DtlsEndpoint::error() const {
  return impl_->error;
}

std::unique_ptr<SrtpSession> DtlsEndpoint::take_srtp() {
  return std::move(impl_->srtp);
}

}  // namespace partyline::rtp
