#include "core/counters.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace partyline::core {
namespace {
struct Registry {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Counter>> counters;
};
// Never destroyed: threads may still count while the process ends.
Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}
}  // namespace

Counter& counter(std::string_view name, std::string_view labels) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  auto& slot = all.counters[{std::string(name), std::string(labels)}];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

void visit_counters(const std::function<void(std::string_view, std::string_view, uint64_t)>& visit) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& [key, value] : all.counters) visit(key.first, key.second, value->value());
}

}  // namespace partyline::core
