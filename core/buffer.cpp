#include "core/buffer.hpp"

#include <array>
#include <boost/lockfree/stack.hpp>
#include <cstdlib>
#include <cstring>
#include <new>

namespace partyline::core {
namespace {
constexpr size_t kPadding = 32;  // what FFmpeg's and libvpx' bit readers may read beyond the end
constexpr std::array<size_t, 4> kClassCapacity{2048, 16 * 1024, 64 * 1024, 256 * 1024};
constexpr uint32_t kUnpooled = kClassCapacity.size();
#ifdef __has_feature
#define PARTYLINE_HAS_FEATURE(x) __has_feature(x)
#else
#define PARTYLINE_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || PARTYLINE_HAS_FEATURE(address_sanitizer)
constexpr bool kPooling = false;  // so that each block ends where its bytes end, and nobody finds it after its release
#else
constexpr bool kPooling = true;
#endif
}  // namespace

struct Buffer::Pool {
  template <size_t kKept>
  using Stack = boost::lockfree::stack<Block*, boost::lockfree::capacity<kKept>>;
  Stack<8192> packets;
  Stack<512> small_frames;
  Stack<128> frames;
  Stack<32> large_frames;

  // Never destroyed: a buffer may outlive every other static object.
  static Pool& instance() {
    static Pool* pool = new Pool;
    return *pool;
  }

  Block* take(uint32_t size_class) {
    Block* block = nullptr;
    switch (size_class) {
      case 0:
        packets.pop(block);
        break;
      case 1:
        small_frames.pop(block);
        break;
      case 2:
        frames.pop(block);
        break;
      case 3:
        large_frames.pop(block);
        break;
      default:
        break;
    }
    return block;
  }

  bool give(Block* block) {
    switch (block->size_class) {
      case 0:
        return packets.bounded_push(block);
      case 1:
        return small_frames.bounded_push(block);
      case 2:
        return frames.bounded_push(block);
      case 3:
        return large_frames.bounded_push(block);
      default:
        return false;
    }
  }
};

Buffer Buffer::allocate(size_t capacity) {
  uint32_t size_class = kPooling ? 0 : kUnpooled;
  while (size_class < kUnpooled && kClassCapacity[size_class] < capacity) ++size_class;
  Buffer buffer;
  buffer.block_ = Pool::instance().take(size_class);
  if (!buffer.block_) {
    const size_t bytes = size_class == kUnpooled ? capacity : kClassCapacity[size_class];
    void* memory = std::malloc(sizeof(Block) + bytes + kPadding);
    if (!memory) throw std::bad_alloc();
    buffer.block_ = new (memory) Block;
    buffer.block_->size_class = size_class;
    buffer.block_->capacity = bytes;
    std::memset(buffer.block_->bytes() + bytes, 0, kPadding);
  }
  buffer.block_->references.store(1, std::memory_order_relaxed);
  buffer.block_->size = 0;
  return buffer;
}

Buffer Buffer::copy_of(std::span<const uint8_t> bytes, size_t extra_capacity) {
  Buffer buffer = allocate(bytes.size() + extra_capacity);
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  buffer.resize(bytes.size());
  return buffer;
}

void Buffer::release() noexcept {
  if (!block_ || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!Pool::instance().give(block_)) {
    block_->~Block();
    std::free(block_);
  }
}

}  // namespace partyline::core
