// What every benchmark needs: processor clocks, results as a table for people and as rows for programs.
//
// Thread: plain values.
#pragma once

#include <fmt/core.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace partyline::bench {

/// Seconds of processor time, user and system, of all the process' threads so far.
inline double process_cpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * t.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Adds up this thread's processor time, piece by piece.
class ThreadCpu {
 public:
  void start() { started_ = now(); }
  void stop() { seconds_ += now() - started_; }
  double seconds() const { return seconds_; }

 private:
  static double now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  double started_ = 0, seconds_ = 0;
};

/// The value that `part` (0…1) of all values do not exceed; 0 without values.
inline double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(part * static_cast<double>(values.size())))];
}

struct Row {
  std::string bench, name, metric;
  double value = 0;
  std::string unit;
};

/// One line of a table is one case; a metric's column is as wide as its title.
class Results {
 public:
  explicit Results(std::string bench) : bench_(std::move(bench)) {}
  void add(const std::string& name, const std::string& metric, double value, const std::string& unit) {
    rows_.push_back({bench_, name, metric, value, unit});
  }
  bool empty() const { return rows_.empty(); }
  /// For the file: printed already.
  void append(const Results& others) {
    rows_.insert(rows_.end(), others.rows_.begin(), others.rows_.end());
    printed_ = rows_.size();
  }
  /// Prints what was added since the last call.
  void print() {
    if (printed_ == rows_.size()) return;
    std::string header = fmt::format("{:<22}", "case"), line, last;
    for (size_t i = printed_; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      const std::string title = row.unit.empty() ? row.metric : fmt::format("{} [{}]", row.metric, row.unit);
      if (rows_[printed_].name == row.name) header += fmt::format("  {:>10}", title);
      if (last != row.name) line += fmt::format("{}{:<22}", last.empty() ? "" : "\n", row.name);
      line += fmt::format("  {:>{}.3f}", row.value, std::max<size_t>(10, title.size()));
      last = row.name;
    }
    fmt::print("{}\n{}\n\n", header, line);
    std::fflush(stdout);
    printed_ = rows_.size();
  }
  /// Names and units are ours: nothing in them needs escaping. False: the file cannot be written.
  bool write_json(const std::string& path) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (!file) return false;
    fmt::print(file, "[\n");
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      fmt::print(file, R"({{"bench":"{}","case":"{}","metric":"{}","value":{:.6f},"unit":"{}"}}{})", row.bench,
                 row.name, row.metric, row.value, row.unit, i + 1 < rows_.size() ? ",\n" : "\n");
    }
    fmt::print(file, "]\n");
    return std::fclose(file) == 0;
  }

 private:
  std::string bench_;
  std::vector<Row> rows_;
  size_t printed_ = 0;
};

/// The program's arguments, as every benchmark takes them; `run` does the rest. The exit code.
inline int run_bench(int argc, char** argv, int (*run)(bool quick, const std::string& only, const std::string& json)) {
  bool quick = false;
  std::string only, json;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      quick = true;
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (argument == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else {
      std::fprintf(stderr, "usage: %s [--quick] [--only PART-OF-A-CASE] [--json FILE]\n", argv[0]);
      return 2;
    }
  }
  return run(quick, only, json);
}

}  // namespace partyline::bench
