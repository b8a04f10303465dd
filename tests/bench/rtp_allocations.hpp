// How often this program has asked the heap for memory: operator new, counted. Thread: any.
#pragma once

#include <cstdint>

namespace partyline::bench {

uint64_t allocations();

}  // namespace partyline::bench
