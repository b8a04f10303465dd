// libavformat's complaints as the reason of a failure: what it logs at error level on a thread that listens is kept for
// that thread and not printed (it may name stream keys); other threads' goes to our log at debug level.
#pragma once

#include <string>

namespace partyline::gateway {

/// Listens on this thread for its lifetime.
class AvLogCapture {
 public:
  AvLogCapture();
  ~AvLogCapture();
  AvLogCapture(const AvLogCapture&) = delete;
  AvLogCapture& operator=(const AvLogCapture&) = delete;
  /// The first complaint since the last call that quotes no URL, one line; empty when there was none.
  static std::string take();
};

}  // namespace partyline::gateway
