#include "sip/sofia_log.hpp"

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "sip/header_text.hpp"
#include "sip/sofia.hpp"

// Sofia exports these but declares them in private headers only.
extern "C" {
extern su_log_t nta_log[];
extern su_log_t tport_log[];
}

namespace partyline::sip {
namespace {

std::mutex g_mutex;
core::LogLimit g_limit;

void write_line(const char* format, va_list arguments) {
  char line[400];
  std::vsnprintf(line, sizeof line, format, arguments);
  const std::lock_guard lock(g_mutex);
  if (const auto times = g_limit.admit(core::Clock::now()))
    core::log_warn("sofia: {} ({} such lines)", core::printable(trim(line)), *times);
}

void on_warning(void*, const char* format, va_list arguments) {
  write_line(format, arguments);
}

// At nta's level 5 there is a line for every message; only those that say why one was not taken are kept. The format
// string is looked at, so the others cost no formatting.
void on_nta_line(void*, const char* format, va_list arguments) {
  static constexpr std::string_view kReasons[] = {"bad ",   "has bad", "invalid",        "garbage", "cannot",
                                                  "failed", "error",   "extra received", "is %s"};
  static core::Counter& refused = core::counter("partyline_sip_malformed_total");
  const std::string_view text = format;
  for (const auto reason : kReasons) {
    if (text.find(reason) == std::string_view::npos) continue;
    refused.add();
    return write_line(format, arguments);
  }
}

}  // namespace

void redirect_sofia_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    su_log_redirect(su_log_default, on_warning, nullptr);
    su_log_set_level(su_log_default, 1);
    su_log_redirect(tport_log, on_warning, nullptr);
    su_log_set_level(tport_log, 1);
    su_log_redirect(nta_log, on_nta_line, nullptr);
    su_log_set_level(nta_log, 5);
  });
}

}  // namespace partyline::sip
