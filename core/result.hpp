// Result<T>: the value or an Error that gains context as it climbs.
//
// For parsers and set-up. The packet path returns bool or optional and counts; exceptions are for programming errors.
// Thread: plain values.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace partyline::core {

enum class ErrorCode {
  invalid,       ///< the input is malformed: do not retry
  unsupported,   ///< well-formed, but nothing we can do
  not_found,     ///< the named thing does not exist (or: not yet)
  conflict,      ///< the name is taken, or the state does not allow it
  unauthorized,  ///< credentials are missing or wrong
  forbidden,     ///< known, but not allowed
  limit,         ///< a configured limit is reached
  timeout,       ///< nobody answered in time
  cancelled,     ///< we gave up ourselves
  unavailable,   ///< the peer or a local resource is away: retry later
  io,            ///< the operating system said no
  internal,      ///< a library failed where it should not
};

/// "not_found", "limit" …: stable words for logs, the API and metrics.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  ///< says what was wrong and, where known, what to do next; no trailing full stop

  /// "context: message"
  Error with_context(std::string_view context) const { return {code, std::string(context) + ": " + message}; }
};

template <class T = void>
using Result = boost::system::result<T, Error>;

inline Error make_error(ErrorCode code, std::string message) {
  return Error{code, std::move(message)};
}

/// Called by Result::value() on an error: using a failed result is a programming error.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

}  // namespace partyline::core
