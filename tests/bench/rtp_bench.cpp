// What networks do to media: every registered scenario (rtp_scenario.hpp) in virtual time, one table a family.
#include <algorithm>
#include <cstring>
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
  bool quick = false;
  std::string only, json;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
      only = argv[++i];
    } else if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
      json = argv[++i];
    } else {
      std::fprintf(stderr, "usage: rtp_bench [--quick] [--only FAMILY|PART-OF-A-CASE] [--json FILE]\n");
      return 2;
    }
  }
  return partyline::bench::run(quick, only, json);
}
