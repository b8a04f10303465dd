#include "rtp/transport/stream_frames.hpp"

#include <cstring>

namespace partyline::rtp {

std::span<uint8_t> StreamFrames::space() {
  if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {bytes_.data() + end_, bytes_.size() - end_};
}

std::optional<std::span<uint8_t>> StreamFrames::next() {
  while (!broken_ && end_ - begin_ >= kHeader) {
    const size_t size = size_t{bytes_[begin_]} << 8 | bytes_[begin_ + 1];
    if (size > kMaxFrame) {
      broken_ = true;
      break;
    }
    if (end_ - begin_ < kHeader + size) break;
    const std::span<uint8_t> frame(bytes_.data() + begin_ + kHeader, size);
    begin_ += kHeader + size;
    if (!frame.empty()) return frame;
  }
  return std::nullopt;
}

}  // namespace partyline::rtp
