#include "mixer/video/decor.hpp"

#include <cairo.h>
#include <libyuv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace partyline::mixer {
namespace {

using core::ErrorCode;
using core::make_error;
using core::Result;

constexpr uintmax_t kLargestFile = 16 * 1024 * 1024;

struct SurfaceDeleter {
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;

//   89 50 4E 47 0D 0A 1A 0A   length (4)   "IHDR"   width (4)   height (4) …      W3C PNG, 5.2 and 11.2.1
Result<core::VideoSize> announced_size(const std::string& path) {
  std::array<char, 24> head{};
  std::ifstream file(path, std::ios::binary);
  if (!file) return make_error(ErrorCode::not_found, "cannot be read");
  file.read(head.data(), head.size());
  if (!file || std::memcmp(head.data(), "\x89PNG\r\n\x1a\n", 8) != 0 || std::memcmp(&head[12], "IHDR", 4) != 0)
    return make_error(ErrorCode::invalid, "is no PNG picture");
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(head[i]);
    return value;
  };
  const uint32_t width = number(16), height = number(20);
  if (width == 0 || height == 0) return make_error(ErrorCode::invalid, "is no PNG picture");
  if (width > kLargestPictureSide || height > kLargestPictureSide)
    return make_error(ErrorCode::limit, "has more than 4096 pixels a side");
  return core::VideoSize{static_cast<int>(width), static_cast<int>(height)};
}

/// `source`, a part of a bitmap from (x, y), at another size.
Bitmap scaled(const Bitmap& source, int x, int y, core::VideoSize part, core::VideoSize to) {
  Bitmap result{to, to.width * 4, {}};
  result.pixels.resize(static_cast<size_t>(result.stride) * static_cast<size_t>(to.height));
  const uint8_t* from = source.pixels.data() + y * source.stride + x * 4;
  libyuv::ARGBScale(from, source.stride, part.width, part.height, result.pixels.data(), result.stride, to.width,
                    to.height, libyuv::kFilterBox);
  return result;
}

I420Image to_i420(const Bitmap& bitmap) {
  I420Image image(bitmap.size);
  libyuv::ARGBToI420(bitmap.pixels.data(), bitmap.stride, image.y(), image.stride_y(), image.u(), image.stride_uv(),
                     image.v(), image.stride_uv(), bitmap.size.width, bitmap.size.height);
  return image;
}

}  // namespace

Result<BitmapPtr> read_png(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return make_error(ErrorCode::not_found, "there is no such file");
  if (std::filesystem::file_size(path, error) > kLargestFile || error)
    return make_error(ErrorCode::limit, "is larger than 16 MiB");
  const auto size = announced_size(path);
  if (!size) return size.error();
  const Surface read(cairo_image_surface_create_from_png(path.c_str()));
  if (const auto status = cairo_surface_status(read.get()); status != CAIRO_STATUS_SUCCESS)
    return make_error(ErrorCode::invalid, std::string("is a damaged PNG picture: ") + cairo_status_to_string(status));
  // Whatever depth the file has.
  auto bitmap = std::make_shared<Bitmap>(Bitmap{*size, size->width * 4, {}});
  bitmap->pixels.resize(static_cast<size_t>(bitmap->stride) * static_cast<size_t>(size->height));
  const Surface target(cairo_image_surface_create_for_data(bitmap->pixels.data(), CAIRO_FORMAT_ARGB32, size->width,
                                                           size->height, bitmap->stride));
  cairo_t* cr = cairo_create(target.get());
  cairo_set_source_surface(cr, read.get(), 0, 0);
  cairo_paint(cr);
  cairo_destroy(cr);
  cairo_surface_finish(target.get());
  return BitmapPtr(bitmap);
}

I420Image draw_background(const Bitmap& bitmap, core::VideoSize canvas) {
  const auto [width, height] = bitmap.size;
  core::VideoSize part{width, static_cast<int>(int64_t{width} * canvas.height / canvas.width)};
  if (part.height > height) part = {static_cast<int>(int64_t{height} * canvas.width / canvas.height), height};
  part = {std::max(1, part.width), std::max(1, part.height)};
  Bitmap cover = scaled(bitmap, (width - part.width) / 2, (height - part.height) / 2, part, canvas);
  const std::array<uint8_t, 4> ground{kBackground.blue, kBackground.green, kBackground.red, 255};
  for (size_t i = 0; i + 3 < cover.pixels.size(); i += 4) {
    const int rest = 255 - cover.pixels[i + 3];
    for (size_t c = 0; rest > 0 && c < 4; ++c)
      cover.pixels[i + c] = static_cast<uint8_t>(std::min(255, cover.pixels[i + c] + ground[c] * rest / 255));
  }
  return to_i420(cover);
}

Sprite draw_logo(const Bitmap& bitmap, core::VideoSize canvas) {
  const double shrink =
      std::min({1.0, canvas.width / 6.0 / bitmap.size.width, canvas.height / 9.0 / bitmap.size.height});
  const auto side = [shrink](int full) { return std::max(2, static_cast<int>(full * shrink) & ~1); };
  Bitmap small = scaled(bitmap, 0, 0, bitmap.size, {side(bitmap.size.width), side(bitmap.size.height)});
  const auto [width, height] = small.size;
  Sprite sprite;
  sprite.alpha.resize(static_cast<size_t>(width) * static_cast<size_t>(height));
  libyuv::ARGBExtractAlpha(small.pixels.data(), small.stride, sprite.alpha.data(), width, width, height);
  libyuv::ARGBUnattenuate(small.pixels.data(), small.stride, small.pixels.data(), small.stride, width, height);
  sprite.image = to_i420(small);
  const int margin = std::max(4, canvas.height / 36 & ~1);
  sprite.x = (canvas.width - margin - width) & ~1;
  sprite.y = margin;
  return sprite;
}

}  // namespace partyline::mixer
