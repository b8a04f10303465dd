#include "mixer/codec/video_picture.hpp"

namespace partyline::mixer {

I420Image::I420Image(core::VideoSize size) : size_(size) {
  constexpr int kAlign = 64;
  const auto align = [](int value) { return (value + kAlign - 1) / kAlign * kAlign; };
  stride_y_ = align(size.width);
  stride_uv_ = align((size.width + 1) / 2);
  const auto luma = static_cast<size_t>(stride_y_) * static_cast<size_t>(size.height);
  const auto chroma = static_cast<size_t>(stride_uv_) * static_cast<size_t>((size.height + 1) / 2);
  bytes_ = std::shared_ptr<uint8_t[]>(new (std::align_val_t(kAlign)) uint8_t[luma + 2 * chroma + kAlign](),
                                      [](uint8_t* p) { ::operator delete[](p, std::align_val_t(kAlign)); });
  y_ = bytes_.get();
  u_ = y_ + luma;
  v_ = u_ + chroma;
}

Picture I420Image::picture() const {
  Picture picture;
  picture.view = view();
  picture.owner = bytes_;
  return picture;
}

}  // namespace partyline::mixer
