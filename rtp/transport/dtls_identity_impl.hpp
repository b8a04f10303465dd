// DtlsIdentity's inside: the OpenSSL objects that DTLS endpoints are made from. Included by rtp/transport only.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "rtp/transport/dtls_identity.hpp"

namespace partyline::rtp {

template <auto kFree>
struct OpensslDelete {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using EvpKeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslDelete<X509_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslDelete<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslDelete<SSL_free>>;

struct DtlsIdentity::Impl {
  SslContextPtr context;
  std::string fingerprint;
};

/// "AB:CD:…" of the certificate by "sha-1", "sha-256", "sha-384" or "sha-512" (case does not matter); empty: unknown
/// hash. MD5 and MD2 of RFC 8122 are deliberately not known.
std::string fingerprint_of(const X509& certificate, std::string_view hash);

/// The oldest entry of OpenSSL's error queue in words; empties the queue.
std::string openssl_error();

}  // namespace partyline::rtp
