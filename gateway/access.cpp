#include "gateway/access.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>

#include "core/secret.hpp"

namespace partyline::gateway {

using core::ErrorCode;
using core::make_error;
using core::Result;
using core::same_secret;

namespace {
// An address, and not a name that begins like one: a stranger's DNS may point 127.example.org here.
bool names_this_machine(std::string_view host) {
  const auto name = host.starts_with('[') ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':'));
  if (name == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(name, error);
  return !error && address.is_loopback();
}

// What proxies and browsers add: the request was made by somebody further away than the address it came from.
bool direct(const core::http::Request& request) {
  static constexpr std::array kMarks{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via"};
  return std::ranges::none_of(kMarks, [&](const char* mark) { return request.header(mark).has_value(); });
}
}  // namespace

Result<> check_api_access(const core::http::Request& request, const std::string& token) {
  if (!token.empty()) {
    const auto given = request.header("Authorization").value_or("");
    constexpr std::string_view kScheme = "Bearer ";
    if (given.starts_with(kScheme) && same_secret(given.substr(kScheme.size()), token)) return {};
    return make_error(ErrorCode::unauthorized, "send 'Authorization: Bearer TOKEN' with the token of [api] token");
  }
  if (request.remote_is_loopback && direct(request) && names_this_machine(request.header("Host").value_or("localhost")))
    return {};
  return make_error(ErrorCode::forbidden, "without [api] token in the configuration the API answers this machine only");
}

Result<> check_json_body(const core::http::Request& request) {
  const auto type = request.header("Content-Type").value_or("");
  if (type.substr(0, type.find(';')) == "application/json") return {};
  return make_error(ErrorCode::unsupported, "send the body as Content-Type: application/json");
}

Result<> check_hook_access(const core::http::Request& request, const std::string& token,
                           const std::vector<std::string>& allowed_addresses) {
  if (!token.empty()) {
    const auto given = request.query.find("token");
    if (given != request.query.end() && same_secret(given->second, token)) return {};
    return make_error(ErrorCode::unauthorized, "the hook's URL needs ?token= as in [hooks] token");
  }
  const auto& all = allowed_addresses;
  const bool listed = std::find(all.begin(), all.end(), request.remote_address) != all.end();
  if (listed && direct(request) && !request.header("Origin")) return {};
  return make_error(ErrorCode::forbidden, "hooks from " + request.remote_address +
                                              " are not believed: add it to [hooks] allowed_addresses or set a token");
}

}  // namespace partyline::gateway
