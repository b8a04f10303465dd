// Where the tests find data. One source file alone knows the checkout's place, so that the other objects can be cached
// across checkouts.
#pragma once

#include <string>

namespace partyline::test {

/// The checkout, without a slash at its end.
std::string source_dir();
/// Data that outsiders wrote: PARTYLINE_CONFORMANCE or ../shared/conformance. May be absent; tests then say "skipped".
std::string conformance_dir();

}  // namespace partyline::test
