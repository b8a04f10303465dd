#include "gateway/access.hpp"

#include <algorithm>

namespace partyline::gateway {

using core::ErrorCode;
using core::make_error;
using core::Result;

bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

namespace {
bool names_this_machine(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  const auto name = host.substr(0, host.find(':'));
  return name == "localhost" || name.starts_with("127.");
}
}  // namespace

Result<> check_api_access(const core::http::Request& request, const std::string& token) {
  if (!token.empty()) {
    const auto given = request.header("Authorization").value_or("");
    constexpr std::string_view kScheme = "Bearer ";
    if (given.starts_with(kScheme) && same_secret(given.substr(kScheme.size()), token)) return {};
    return make_error(ErrorCode::unauthorized, "send 'Authorization: Bearer TOKEN' with the token of [api] token");
  }
  const bool direct = !request.header("Forwarded") && !request.header("X-Forwarded-For");
  if (request.remote_is_loopback && direct && names_this_machine(request.header("Host").value_or("localhost")))
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
  if (std::find(all.begin(), all.end(), request.remote_address) != all.end()) return {};
  return make_error(ErrorCode::forbidden, "hooks from " + request.remote_address +
                                              " are not believed: add it to [hooks] allowed_addresses or set a token");
}

}  // namespace partyline::gateway
