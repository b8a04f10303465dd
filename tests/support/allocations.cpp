#include "tests/support/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

constexpr size_t kPacket = 2048;  // bytes of the smallest block in the pool of buffers
thread_local uint64_t taken_here = 0, freed_here = 0, by_new_here = 0, large_here = 0;
std::atomic<uint64_t> taken_everywhere{0};

void taken(size_t size) {
  ++taken_here;
  if (size >= kPacket) ++large_here;
  taken_everywhere.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

namespace partyline::test {

uint64_t allocations() {
  return taken_here;
}

uint64_t frees() {
  return freed_here;
}

uint64_t allocations_by_new() {
  return by_new_here;
}

uint64_t large_allocations() {
  return large_here;
}

uint64_t all_allocations() {
  return taken_everywhere.load(std::memory_order_relaxed);
}

}  // namespace partyline::test

// NOLINTBEGIN: names and signatures are the C library's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// The sanitizers have an allocator of their own: what C libraries take is not counted.
constexpr bool kMallocCounts = false;
#else
constexpr bool kMallocCounts = true;
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void __libc_free(void* memory);

void* malloc(size_t size) noexcept {
  taken(size);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) noexcept {
  taken(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) noexcept {
  taken(size);
  return __libc_realloc(memory, size);
}
void free(void* memory) noexcept {
  if (memory) ++freed_here;
  __libc_free(memory);
}
}
#endif

[[gnu::noinline]] void* operator new(size_t size) {
  ++by_new_here;
  if (!kMallocCounts) taken(size);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// A sanitizer's own nothrow form would not end up there.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++by_new_here;
  if (!kMallocCounts) taken(size);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (!kMallocCounts && memory) ++freed_here;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  if (!kMallocCounts && memory) ++freed_here;
  std::free(memory);
}
// NOLINTEND
