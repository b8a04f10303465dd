#include "sip/reply.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sip/header_text.hpp"

namespace partyline::sip {
namespace {

// A response's optional headers, as Sofia's tag list; ends the argument list.
#define PARTYLINE_REPLY_TAGS(reply, retry)                                                                   \
  TAG_IF(!(reply).contact.empty(), SIPTAG_CONTACT_STR((reply).contact.c_str())),                             \
      TAG_IF(!(reply).warning.empty(), SIPTAG_WARNING_STR((reply).warning.c_str())),                         \
      TAG_IF(!(reply).accept.empty(), SIPTAG_ACCEPT_STR((reply).accept.c_str())),                            \
      TAG_IF(!(reply).unsupported.empty(), SIPTAG_UNSUPPORTED_STR((reply).unsupported.c_str())),             \
      TAG_IF(!(reply).session_expires.empty(), SIPTAG_SESSION_EXPIRES_STR((reply).session_expires.c_str())), \
      TAG_IF(!(reply).min_se.empty(), SIPTAG_MIN_SE_STR((reply).min_se.c_str())),                            \
      TAG_IF(!(reply).reason.empty(), SIPTAG_REASON_STR((reply).reason.c_str())),                            \
      TAG_IF((reply).require_timer, SIPTAG_REQUIRE_STR("timer")),                                            \
      TAG_IF((reply).retry_after_seconds > 0, SIPTAG_RETRY_AFTER_STR((retry).c_str())),                      \
      TAG_IF((reply).status > 100, SIPTAG_ALLOW_STR(kAllow)),                                                \
      TAG_IF((reply).status > 100, SIPTAG_SUPPORTED_STR(kSupported)),                                        \
      TAG_IF(!(reply).server.empty(), SIPTAG_SERVER_STR((reply).server.c_str())),                            \
      TAG_IF(!(reply).sdp.empty(), SIPTAG_CONTENT_TYPE_STR("application/sdp")),                              \
      TAG_IF(!(reply).sdp.empty(), SIPTAG_PAYLOAD_STR((reply).sdp.c_str())), TAG_END()

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

std::optional<Address> numeric_address(const std::string& text) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    address.length = sizeof *v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    address.length = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return address;
}

std::string without_brackets(const std::string& host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') return host.substr(1, host.size() - 2);
  return host;
}

struct ProbeSocket {
  explicit ProbeSocket(int family, int type = SOCK_DGRAM) : fd(::socket(family, type | SOCK_CLOEXEC, 0)) {}
  bool bind(const Address& address) const {
    return fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0;
  }
  ~ProbeSocket() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

}  // namespace

bool send_reply(nta_incoming_t* request, const Reply& reply) {
  const std::string phrase = reply.phrase.empty() ? standard_phrase(reply.status) : reply.phrase;
  const std::string retry = std::to_string(reply.retry_after_seconds);
  return nta_incoming_treply(request, reply.status, phrase.c_str(), PARTYLINE_REPLY_TAGS(reply, retry)) == 0;
}

nta_reliable_t* send_reliable_reply(nta_incoming_t* request, const Reply& reply, nta_prack_f* callback,
                                    nta_reliable_magic_t* magic) {
  const std::string phrase = reply.phrase.empty() ? standard_phrase(reply.status) : reply.phrase;
  const std::string retry = std::to_string(reply.retry_after_seconds);
  return nta_reliable_treply(request, callback, magic, reply.status, phrase.c_str(),
                             PARTYLINE_REPLY_TAGS(reply, retry));
}

std::string text_of(const char* text) {
  return text ? std::string(text) : std::string();
}

std::string body_of(const sip_t& sip) {
  if (!sip.sip_payload || !sip.sip_payload->pl_data) return {};
  return std::string(sip.sip_payload->pl_data, sip.sip_payload->pl_len);
}

std::string content_type_of(const sip_t& sip) {
  if (!sip.sip_content_type || !sip.sip_content_type->c_type) return {};
  std::string type = sip.sip_content_type->c_type;
  for (auto* param = sip.sip_content_type->c_params; param && *param; ++param) type += std::string(";") + *param;
  return type;
}

core::Result<std::string> sdp_of(const sip_t& sip) {
  std::string body = body_of(sip);
  if (trim(body).empty()) return std::string();
  const std::string type = content_type_of(sip);
  if (sip.sip_content_encoding)
    return core::make_error(core::ErrorCode::unsupported, "the body has a Content-Encoding");
  const std::string plain(trim(std::string_view(type).substr(0, type.find(';'))));
  if (same_word(plain, "application/sdp")) return body;
  if (plain.size() > 10 && same_word(plain.substr(0, 10), "multipart/")) {
    if (auto part = sdp_of_multipart(type, body)) return *part;
    return core::make_error(core::ErrorCode::unsupported, "no application/sdp part in the " + plain + " body");
  }
  return core::make_error(core::ErrorCode::unsupported,
                          "the body is " + (plain.empty() ? "untyped" : plain) + ", not application/sdp");
}

std::optional<SessionExpires> session_expires_of(const sip_t& sip) {
  const auto* header = sip_session_expires(&sip);
  if (!header || header->x_delta == 0) return std::nullopt;
  const auto seconds = std::min<unsigned long>(header->x_delta, 1UL << 30);
  return SessionExpires{std::chrono::seconds(seconds), text_of(header->x_refresher)};
}

bool supports_timer(const sip_t& sip) {
  return sip_has_feature(sip.sip_supported, "timer") || sip_has_feature(sip.sip_require, "timer");
}

bool allows_update(const sip_t& sip) {
  return sip.sip_allow && sip_is_allowed(sip.sip_allow, SIP_METHOD_UPDATE);
}

bool over_tcp(const sip_t& sip) {
  const std::string protocol = sip.sip_via ? text_of(sip.sip_via->v_protocol) : "";
  return protocol.size() > 4 && same_word(protocol.substr(protocol.size() - 4), "/TCP");
}

std::string source_address(nta_incoming_t* request) {
  msg_t* message = nta_incoming_getrequest(request);
  if (!message) return {};
  char text[INET6_ADDRSTRLEN] = "";
  const su_sockaddr_t* from = msg_addr(message);
  if (from->su_family == AF_INET) ::inet_ntop(AF_INET, &from->su_sin.sin_addr, text, sizeof text);
  if (from->su_family == AF_INET6) {
    const in6_addr& address = from->su_sin6.sin6_addr;
    // A socket for both versions shows an IPv4 peer as ::ffff:a.b.c.d.
    if (IN6_IS_ADDR_V4MAPPED(&address))
      ::inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
    else
      ::inet_ntop(AF_INET6, &address, text, sizeof text);
  }
  msg_destroy(message);
  return text;
}

std::string plain_uri(const url_t& url) {
  std::string out = text_of(url.url_scheme) + ":";
  if (url.url_user) out += std::string(url.url_user) + (url.url_host ? "@" : "");
  return out + text_of(url.url_host);
}

std::string reason_of(const sip_t& sip) {
  const auto* header = sip_reason(&sip);
  if (!header) return {};
  if (header->re_text) return unquoted(header->re_text);
  return header->re_cause ? text_of(header->re_protocol) + " cause " + header->re_cause : std::string();
}

std::string route_source(const std::string& remote) {
  auto target = numeric_address(without_brackets(remote));
  if (!target) return {};
  // The port is at the same place in both families; any will do, nothing is sent.
  reinterpret_cast<sockaddr_in*>(&target->storage)->sin_port = htons(9);
  const ProbeSocket probe(target->storage.ss_family);
  Address local;
  local.length = sizeof local.storage;
  if (probe.fd < 0 || ::connect(probe.fd, reinterpret_cast<sockaddr*>(&target->storage), target->length) != 0 ||
      ::getsockname(probe.fd, reinterpret_cast<sockaddr*>(&local.storage), &local.length) != 0)
    return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (local.storage.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&local.storage)->sin_addr, text, sizeof text);
  else
    ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&local.storage)->sin6_addr, text, sizeof text);
  return text;
}

bool is_local_address(const std::string& address) {
  const auto parsed = numeric_address(without_brackets(address));
  if (!parsed) return false;
  const ProbeSocket probe(parsed->storage.ss_family);
  // Binding to a free port works for our own addresses only.
  return probe.bind(*parsed);
}

uint16_t free_port(const std::string& address) {
  const auto wanted = numeric_address(address.empty() ? "0.0.0.0" : without_brackets(address));
  if (!wanted) return 0;
  for (int attempt = 0; attempt < 32; ++attempt) {
    const ProbeSocket udp(wanted->storage.ss_family);
    Address bound;
    bound.length = sizeof bound.storage;
    if (!udp.bind(*wanted) || ::getsockname(udp.fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) != 0)
      return 0;
    const ProbeSocket tcp(wanted->storage.ss_family, SOCK_STREAM);
    if (tcp.bind(bound)) return ntohs(reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port);
  }
  return 0;
}

}  // namespace partyline::sip
