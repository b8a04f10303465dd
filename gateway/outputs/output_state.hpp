// When a live output connects, waits and tries again: a pure state machine.
//
//            ┌────────────── due ───────────────┐
//            ▼                                  │
//   connecting ──connected──▶ live ──failed──▶ waiting        stop(): stopped, from anywhere and for ever
//        └───────────────── failed ─────────────▲
//
// The wait doubles from 1 s to 30 s with each failure in a row; staying live for 10 s starts it over. (A server that
// accepts and drops at once is thus not hammered.) Thread: owner's. `now` is a parameter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace partyline::gateway {

enum class OutputState { connecting, live, waiting, stopped };
/// "connecting", "live", …: the words of the API.
std::string_view to_string(OutputState state);

struct OutputRetry {
  core::Duration first = std::chrono::seconds(1);
  core::Duration longest = std::chrono::seconds(30);
  core::Duration proven = std::chrono::seconds(10);  ///< live for so long: the next failure is a first one again
};

class OutputStateMachine {
 public:
  OutputStateMachine(OutputRetry retry, core::TimePoint now) : retry_(retry), since_(now) {}

  void connected(core::TimePoint now);
  void failed(core::TimePoint now, std::string error);
  void stop(core::TimePoint now);
  /// Goes from waiting to connecting when it is time; true if it did.
  bool tick(core::TimePoint now);

  OutputState state() const { return state_; }
  core::TimePoint since() const { return since_; }  ///< when this state began
  core::TimePoint due() const { return due_; }      ///< waiting: when it ends
  /// The last failure in words; kept while connecting again, cleared when live.
  const std::string& error() const { return error_; }
  uint64_t reconnects() const { return reconnects_; }  ///< times live, after the first

 private:
  void enter(OutputState state, core::TimePoint now);

  OutputRetry retry_;
  OutputState state_ = OutputState::connecting;
  core::TimePoint since_;
  core::TimePoint due_{};
  core::Duration wait_{};  // the last one; zero: none yet
  std::string error_;
  uint64_t reconnects_ = 0;
  bool was_live_ = false;
};

}  // namespace partyline::gateway
