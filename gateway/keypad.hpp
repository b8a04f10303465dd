// What somebody presses on a telephone, against what the operator allows: short sequences of keys, each with a value.
//
//   keys        *   1        3   *   *   1            *      (4 s)      1
//   commands        ▲                    ▲                                  ("*1": what came first does no harm, what
//                                                                           comes too late does not count)
//
// Pure: keys and the time go in. Thread: owner's.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/time.hpp"

namespace partyline::gateway {

class Keypad {
 public:
  static constexpr core::Duration kPatience = std::chrono::seconds(3);  ///< between two keys of a sequence
  using Commands = std::map<std::string, std::string>;

  /// `commands` (check_key_sequences) must outlive it.
  explicit Keypad(const Commands& commands) : commands_(&commands) {}
  /// `key`: 0-9 * # A-D. The value of the sequence that it completes.
  std::optional<std::string> press(char key, core::TimePoint now);

 private:
  const Commands* commands_;
  std::string pressed_;
  core::TimePoint last_{};
};

/// What is wrong with the sequences, in words: 1 to 8 keys, and none the beginning of another.
std::optional<std::string> check_key_sequences(const Keypad::Commands& commands);

}  // namespace partyline::gateway
