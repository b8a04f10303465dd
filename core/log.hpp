// Logging: one line an event, on spdlog. `room=… leg=…` context first, then what happened, in words an operator
// understands.
//
//   log_info("room={} leg={} joined from {}", room, leg, address);
//
// Thread: any. Not on the audio tick (it may block on a full pipe).
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/time.hpp"

namespace partyline::core {

enum class LogFormat { text, json };

/// Sets level ("debug", "info", "warn", "error") and format of the process' log, which goes to standard error.
void configure_log(std::string_view level, LogFormat format);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::debug(fmt::runtime(fmt::string_view(format)), std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(fmt::runtime(fmt::string_view(format)), std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(fmt::runtime(fmt::string_view(format)), std::forward<Args>(args)...);
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::error(fmt::runtime(fmt::string_view(format)), std::forward<Args>(args)...);
}

/// Lets one line a second of a repeated warning through and says how many were swallowed.
/// Thread: owner's. `if (auto n = limit.admit(now)) log_warn("… ({} times)", *n);`
class LogLimit {
 public:
  /// The number of events since the last admitted one (this one included), or nothing when it is too early to speak.
  std::optional<uint64_t> admit(TimePoint now) {
    ++pending_;
    if (now < next_) return std::nullopt;
    next_ = now + std::chrono::seconds(1);
    return std::exchange(pending_, 0);
  }

 private:
  TimePoint next_{};
  uint64_t pending_ = 0;
};

/// Strangers' text made safe for a log line: control characters and invalid UTF-8 become '?', long text is cut at 200
/// bytes.
std::string printable(std::string_view text);

}  // namespace partyline::core
