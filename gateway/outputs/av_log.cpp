#include "gateway/outputs/av_log.hpp"

#include <array>
#include <mutex>
#include <utility>

#include "core/log.hpp"

extern "C" {
#include <libavutil/log.h>
}

namespace partyline::gateway {

namespace {

thread_local bool listening = false;
thread_local std::string complaint;

void receive(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, 300> line{};
  int prefix = 0;
  av_log_format_line2(object, level, format, arguments, line.data(), static_cast<int>(line.size()), &prefix);
  std::string text = line.data();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  // "[tls @ 0x5581…] …": the pointer means nothing to an operator.
  if (const size_t head = text.find("] "); text.starts_with('[') && head != std::string::npos) text.erase(0, head + 2);
  if (listening) {
    // The first is the cause, later ones are its echo in the layers above; lines with URLs may carry keys.
    if (complaint.empty() && text.find("://") == std::string::npos) complaint = std::move(text);
  } else {
    core::log_debug("libav: {}", core::printable(text));
  }
}

}  // namespace

AvLogCapture::AvLogCapture() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(receive); });
  listening = true;
}

AvLogCapture::~AvLogCapture() {
  listening = false;
}

std::string AvLogCapture::take() {
  return std::exchange(complaint, {});
}

}  // namespace partyline::gateway
