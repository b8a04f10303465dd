// Buffer: a reference-counted block of bytes from a pool, so that a packet is never copied between socket and
// depacketiser and steady state does not allocate.
//
// Thread: handles may be copied and dropped on any thread; the bytes may be written only while one holder knows of
// them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace partyline::core {

class Buffer {
 public:
  Buffer() = default;
  /// A block of at least `capacity` bytes, size() == 0. 32 bytes behind the capacity are readable (decoders over-read).
  static Buffer allocate(size_t capacity);
  /// A copy of `bytes`.
  static Buffer copy_of(std::span<const uint8_t> bytes, size_t extra_capacity = 0);

  Buffer(const Buffer& other) : block_(other.block_) { retain(); }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() { release(); }

  explicit operator bool() const { return block_ != nullptr; }
  uint8_t* data() { return block_ ? block_->bytes() : nullptr; }
  const uint8_t* data() const { return block_ ? block_->bytes() : nullptr; }
  size_t size() const { return block_ ? block_->size : 0; }
  size_t capacity() const { return block_ ? block_->capacity : 0; }
  /// `size` must be <= capacity().
  void resize(size_t size) {
    if (block_) block_->size = size;
  }
  std::span<uint8_t> span() { return {data(), size()}; }
  std::span<const uint8_t> span() const { return {data(), size()}; }

 private:
  struct Block {
    std::atomic<uint32_t> references{1};
    uint32_t size_class = 0;
    size_t capacity = 0;
    size_t size = 0;
    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
    const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  };
  struct Pool;

  void retain() const {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept;

  Block* block_ = nullptr;
};

}  // namespace partyline::core
