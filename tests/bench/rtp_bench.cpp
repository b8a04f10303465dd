// What networks do to media: every registered scenario (rtp_scenario.hpp) in virtual time, one table a family.
#include <algorithm>
#include <string>

#include "tests/bench/rtp_scenario.hpp"

namespace partyline::bench {
namespace {

int run(bool quick, const std::string& only, const std::string& json) {
  Results results("rtp");
  auto scenarios = Scenario::all();
  std::stable_sort(scenarios.begin(), scenarios.end(),
                   [](const Scenario* a, const Scenario* b) { return a->family < b->family; });
  std::string_view family;
  bool any = false;
  for (const Scenario* scenario : scenarios) {
    if (only != scenario->family && scenario->name.find(only) == std::string_view::npos) continue;
    if (any && family != scenario->family) results.print();
    family = scenario->family;
    any = true;
    scenario->run(results, quick);
  }
  if (!any) {
    std::fprintf(stderr, "rtp_bench: no case or family is called %s\n", only.c_str());
    return 2;
  }
  results.print();
  if (json.empty() || results.write_json(json)) return 0;
  std::fprintf(stderr, "rtp_bench: cannot write %s\n", json.c_str());
  return 1;
}

}  // namespace
}  // namespace partyline::bench

int main(int argc, char** argv) {
  return partyline::bench::run_bench(argc, argv, partyline::bench::run);
}
