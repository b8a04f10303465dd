// Scenario: one row or a few of scripts/bench rtp. A file of a family (rtp_audio.cpp, …) registers its own at namespace
// scope; rtp_bench.cpp runs them family by family and prints one table for each:
//
//   void black_out(Results& results, bool quick) { results.add("black_out_1s", "picture_after", ms, "ms"); }
//   const Scenario registered("video", "black_out_1s", black_out);
//
// Everything runs in virtual time on seeded links: the same figures on every machine. Every scenario of a family adds
// the same metrics in the same order; what needs others belongs in a family of its own. Thread: one.
#pragma once

#include <string_view>
#include <vector>

#include "tests/bench/bench_support.hpp"

namespace partyline::bench {

struct Scenario {
  /// `quick`: shorter, for a look; the figures are rougher.
  using Run = void (*)(Results& results, bool quick);

  Scenario(std::string_view in_family, std::string_view with_name, Run what)
      : family(in_family), name(with_name), run(what) {
    all().push_back(this);
  }
  Scenario(const Scenario&) = delete;
  static std::vector<const Scenario*>& all() {
    static std::vector<const Scenario*> list;
    return list;
  }

  const std::string_view family, name;
  const Run run;
};

}  // namespace partyline::bench
