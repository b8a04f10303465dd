#include "tests/support/paths.hpp"

#include <cstdlib>

namespace partyline::test {

std::string source_dir() {
  return PARTYLINE_SOURCE_DIR;
}

std::string conformance_dir() {
  const char* const given = std::getenv("PARTYLINE_CONFORMANCE");
  return given ? given : source_dir() + "/../shared/conformance";
}

}  // namespace partyline::test
