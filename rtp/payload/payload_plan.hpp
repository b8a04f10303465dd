// PayloadPlan: how one frame is cut into RTP payloads, as views over the frame. The sender copies the pieces behind its
// RTP header, so a frame's bytes are copied exactly once. Thread: plain value; reuse it, it keeps its memory.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace partyline::rtp {

class PayloadPlan {
 public:
  /// A few bytes of payload format header, then bytes of the frame.
  struct Piece {
    std::array<uint8_t, 4> prefix{};
    uint8_t prefix_size = 0;
    std::span<const uint8_t> body;
    std::span<const uint8_t> prefix_bytes() const { return std::span(prefix).first(prefix_size); }
  };

  void clear() {
    pieces_.clear();
    ends_.clear();
  }
  void add_piece(std::initializer_list<uint8_t> prefix, std::span<const uint8_t> body) {
    Piece piece;
    for (const uint8_t byte : prefix) piece.prefix[piece.prefix_size++] = byte;
    piece.body = body;
    pieces_.push_back(piece);
  }
  /// Ends the current packet.
  void end_packet() { ends_.push_back(pieces_.size()); }

  size_t packets() const { return ends_.size(); }
  std::span<const Piece> packet(size_t i) const {
    const size_t first = i == 0 ? 0 : ends_[i - 1];
    return std::span(pieces_).subspan(first, ends_[i] - first);
  }

 private:
  std::vector<Piece> pieces_;
  std::vector<size_t> ends_;
};

}  // namespace partyline::rtp
