// CORS (Fetch standard) for resources that pages of any origin may use: bearer tokens, no cookies, so "*" is safe.
#pragma once

#include <string_view>

#include "core/http/message.hpp"

namespace partyline::core::http {

/// Adds Access-Control-Allow-Origin: * and exposes the named response headers ("Location, ETag, Link").
Response with_cors(Response response, std::string_view exposed_headers = {});
/// The answer to an OPTIONS preflight: 204 with the methods and headers a page may use.
Response preflight(std::string_view methods, std::string_view headers);

}  // namespace partyline::core::http
