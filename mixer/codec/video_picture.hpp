// Raw pictures, I420 (8 bit, BT.601, limited range): what decoders give, the compositor draws and encoders take.
//
// Thread: plain values; a Picture's bytes are never written once it exists.
#pragma once

#include <cstdint>
#include <memory>

#include "core/frame.hpp"
#include "core/time.hpp"

namespace partyline::mixer {

/// Three planes somebody else owns. Chroma planes are (width+1)/2 × (height+1)/2.
struct I420View {
  const uint8_t* y = nullptr;
  const uint8_t* u = nullptr;
  const uint8_t* v = nullptr;
  int stride_y = 0, stride_u = 0, stride_v = 0;
  core::VideoSize size;
};

/// A decoded picture. Copies share the pixels.
struct Picture {
  I420View view;
  int aspect_num = 1, aspect_den = 1;  ///< of one sample, width : height
  core::TimePoint capture;
  std::shared_ptr<const void> owner;  ///< keeps the planes alive
  explicit operator bool() const { return owner != nullptr; }
};

/// Pixels of our own, 64-byte aligned rows.
class I420Image {
 public:
  I420Image() = default;
  explicit I420Image(core::VideoSize size);
  core::VideoSize size() const { return size_; }
  uint8_t* y() { return y_; }
  uint8_t* u() { return u_; }
  uint8_t* v() { return v_; }
  int stride_y() const { return stride_y_; }
  int stride_uv() const { return stride_uv_; }
  I420View view() const { return {y_, u_, v_, stride_y_, stride_uv_, stride_uv_, size_}; }
  /// The same pixels as a Picture; nobody may write them any more.
  Picture picture() const;

 private:
  core::VideoSize size_;
  int stride_y_ = 0, stride_uv_ = 0;
  std::shared_ptr<uint8_t[]> bytes_;
  uint8_t *y_ = nullptr, *u_ = nullptr, *v_ = nullptr;
};

}  // namespace partyline::mixer
