// Ring: a queue that keeps its memory, so that a steady stream through it does not allocate (std::deque takes and gives
// back a block every few elements). Grows by doubling. Thread: plain value.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace partyline::core {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  T& front() { return items_[first_]; }
  const T& front() const { return items_[first_]; }
  void push_back(T item) {
    if (size_ == items_.size()) grow();
    items_[(first_ + size_++) % items_.size()] = std::move(item);
  }
  /// The element is left moved-from or reset.
  void pop_front() {
    items_[first_] = T{};
    first_ = (first_ + 1) % items_.size();
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
  }

 private:
  void grow() {
    std::vector<T> larger(items_.empty() ? 16 : items_.size() * 2);
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move(items_[(first_ + i) % items_.size()]);
    items_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> items_;
  size_t first_ = 0, size_ = 0;
};

}  // namespace partyline::core
