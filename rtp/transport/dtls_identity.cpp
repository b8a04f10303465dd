#include "rtp/transport/dtls_identity.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/random.hpp"
#include "rtp/transport/dtls_identity_impl.hpp"
#include "rtp/transport/srtp_session.hpp"

namespace partyline::rtp {
namespace {

core::Error failed(const char* what) {
  return core::make_error(core::ErrorCode::internal, std::string(what) + ": " + openssl_error());
}

core::Result<X509Ptr> self_signed(EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  if (!certificate) return failed("cannot make a certificate");
  constexpr long kDay = 24 * 3600;
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), core::random_u64() >> 1);
  // A day back for peers whose clock is behind. Most check the fingerprint alone.
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), std::chrono::seconds(DtlsIdentity::kLifetime).count());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::string common_name = core::random_token(16);  // says nothing about who we are (RFC 8827 §6.5)
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  if (X509_set_pubkey(certificate.get(), key) != 1 || X509_sign(certificate.get(), key, EVP_sha256()) == 0) {
    return failed("cannot sign the certificate");
  }
  return certificate;
}

// Chains are not followed: the certificate is held against the fingerprint of the SDP after the handshake.
int accept_for_now(int, X509_STORE_CTX*) {
  return 1;
}

core::Result<SslContextPtr> make_context(EVP_PKEY* key, X509* certificate) {
  SslContextPtr context(SSL_CTX_new(DTLS_method()));
  if (!context) return failed("cannot make a DTLS context");
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);  // an endpoint is idle after its handshake
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_for_now);
  SSL_CTX_set_max_cert_list(ctx, 16 * 1024);  // bytes a stranger may make us collect
  SSL_CTX_set_read_ahead(ctx, 1);             // a record is never longer than its datagram
  // 0 is success for this one function (OpenSSL's manual).
  if (SSL_CTX_use_certificate(ctx, certificate) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
      SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!PSK:!SHA384:!SHA256") != 1 ||
      SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1 ||
      SSL_CTX_set_tlsext_use_srtp(ctx, SrtpSession::offered_profiles()) != 0) {
    return failed("cannot set up DTLS");
  }
  return context;
}

}  // namespace

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::string fingerprint_of(const X509& certificate, std::string_view hash) {
  std::string name(hash.substr(0, 16));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const EVP_MD* digest = name == "sha-256"   ? EVP_sha256()
                         : name == "sha-1"   ? EVP_sha1()
                         : name == "sha-384" ? EVP_sha384()
                         : name == "sha-512" ? EVP_sha512()
                                             : nullptr;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  if (digest == nullptr || X509_digest(&certificate, digest, bytes.data(), &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", bytes[i]);
  return text;
}

core::Result<std::shared_ptr<const DtlsIdentity>> DtlsIdentity::generate() {
  const EvpKeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return failed("cannot make a P-256 key");
  auto certificate = self_signed(key.get());
  if (!certificate) return certificate.error();
  auto context = make_context(key.get(), certificate->get());
  if (!context) return context.error();
  auto impl = std::make_unique<Impl>();
  impl->context = *std::move(context);
  impl->fingerprint = fingerprint_of(**certificate, "sha-256");
  return std::make_shared<const DtlsIdentity>(std::move(impl));
}

DtlsIdentity::DtlsIdentity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DtlsIdentity::~DtlsIdentity() = default;

const std::string& DtlsIdentity::fingerprint() const {
  return impl_->fingerprint;
}

}  // namespace partyline::rtp
