// Who may use the API: the bearer of the configured token or, without one, programs on this machine. Pure functions.
//
// "This machine" is not believed of a request that came through a proxy (it carries Forwarded or X-Forwarded-For) or
// that a browser was tricked into sending (Host names another machine: DNS rebinding; a form's content type: cross-site
// request).
#pragma once

#include "core/http/message.hpp"
#include "core/result.hpp"

namespace partyline::gateway {

/// unauthorized or forbidden with words that say what to do.
core::Result<> check_api_access(const core::http::Request& request, const std::string& token);

/// For POST, PATCH and PUT: the body must be declared as JSON.
core::Result<> check_json_body(const core::http::Request& request);

/// Hooks: the token in the query if one is configured, else one of the addresses.
core::Result<> check_hook_access(const core::http::Request& request, const std::string& token,
                                 const std::vector<std::string>& allowed_addresses);

}  // namespace partyline::gateway
