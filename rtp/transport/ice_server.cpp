#include "rtp/transport/ice_server.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>

namespace partyline::rtp {

IceServer for_session(IceServer server, int64_t expires) {
  if (server.secret.empty()) return server;
  IceServer result{std::move(server.url), std::to_string(expires), {}, {}};
  if (!server.username.empty()) result.username += ":" + server.username;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (HMAC(EVP_sha1(), server.secret.data(), static_cast<int>(server.secret.size()),
           reinterpret_cast<const unsigned char*>(result.username.data()), result.username.size(), digest.data(),
           &size) == nullptr) {
    return result;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE * 2> text;
  const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  result.credential.assign(reinterpret_cast<const char*>(text.data()), static_cast<size_t>(length));
  return result;
}

IceServer for_session_now(IceServer server) {
  using namespace std::chrono;
  const auto expires = system_clock::now() + hours(24);
  return for_session(std::move(server), duration_cast<seconds>(expires.time_since_epoch()).count());
}

}  // namespace partyline::rtp
