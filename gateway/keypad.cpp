#include "gateway/keypad.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/log.hpp"

namespace partyline::gateway {
namespace {

constexpr size_t kMostKeys = 8;
constexpr size_t kMostSequences = 50;
constexpr std::string_view kKeys = "0123456789*#ABCD";

}  // namespace

std::optional<std::string> Keypad::press(char key, core::TimePoint now) {
  if (now - last_ > kPatience) pressed_.clear();
  last_ = now;
  pressed_ += key;
  const auto begins = [this](const auto& entry) { return entry.first.starts_with(pressed_); };
  while (!pressed_.empty() && std::ranges::none_of(*commands_, begins)) pressed_.erase(0, 1);
  const auto found = commands_->find(pressed_);
  if (found == commands_->end()) return std::nullopt;
  pressed_.clear();
  return found->second;
}

std::optional<std::string> check_key_sequences(const Keypad::Commands& commands) {
  if (commands.size() > kMostSequences) return fmt::format("there are more than {} key sequences", kMostSequences);
  for (const auto& [keys, value] : commands) {
    if (keys.empty() || keys.size() > kMostKeys || keys.find_first_not_of(kKeys) != std::string::npos)
      return fmt::format("'{}' is no sequence of 1 to {} of the keys {}", core::printable(keys), kMostKeys, kKeys);
    for (const auto& [other, value_of_other] : commands)
      if (other != keys && other.starts_with(keys)) return fmt::format("'{}' is the beginning of '{}'", keys, other);
  }
  return std::nullopt;
}

}  // namespace partyline::gateway
