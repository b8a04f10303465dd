// How often this program's threads take memory and give it back. A program that asks gets an allocator that counts
// (malloc and its relatives; under sanitizers operator new alone), all others keep theirs. Thread: any.
#pragma once

#include <cstdint>

namespace partyline::test {

uint64_t allocations();         ///< of this thread, so far
uint64_t allocations_by_new();  ///< of this thread: C++'s alone, so none of a C library's
uint64_t large_allocations();   ///< of this thread: such as the pool of buffers takes, 2048 bytes and more
uint64_t frees();               ///< of this thread; free(nullptr) is none
uint64_t all_allocations();     ///< of all threads

}  // namespace partyline::test
