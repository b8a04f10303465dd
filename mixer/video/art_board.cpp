#include "mixer/video/art_board.hpp"

#include <libyuv.h>

#include <algorithm>
#include <numbers>

namespace partyline::mixer {
namespace {

constexpr size_t kMaxNameBytes = 256;

/// The family list without emoji fonts: Pango finds those itself for emoji, but once named, they also claim the digits
/// of a telephone number (which are halves of keycap emoji).
std::string text_families(const std::string& font) {
  std::string result;
  size_t start = 0;
  while (start <= font.size()) {
    const size_t end = std::min(font.find(',', start), font.size());
    const std::string family = font.substr(start, end - start);
    if (family.find("Emoji") == std::string::npos) result += (result.empty() ? "" : ",") + family;
    start = end + 1;
  }
  return result;
}

}  // namespace

Board::Board(core::VideoSize size)
    : size_{even_up(std::max(2, size.width)), even_up(std::max(2, size.height))},
      surface_(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size_.width, size_.height)),
      cairo_(cairo_create(surface_.get())) {}

void Board::colour(Rgb c, double alpha) {
  cairo_set_source_rgba(cairo_.get(), c.red / 255.0, c.green / 255.0, c.blue / 255.0, alpha);
}

void Board::fill(Rgb c) {
  colour(c);
  cairo_paint(cairo_.get());
}

I420Image Board::opaque() {
  I420Image image(size_);
  const auto [pixels, stride] = pixels_of();
  if (pixels) {
    libyuv::ARGBToI420(pixels, stride, image.y(), image.stride_y(), image.u(), image.stride_uv(), image.v(),
                       image.stride_uv(), size_.width, size_.height);
  }
  return image;
}

Sprite Board::sprite(int x, int y) {
  Sprite sprite;
  sprite.x = x;
  sprite.y = y;
  const auto [pixels, stride] = pixels_of();
  if (!pixels) return sprite;
  sprite.alpha.resize(static_cast<size_t>(size_.width) * static_cast<size_t>(size_.height));
  libyuv::ARGBExtractAlpha(pixels, stride, sprite.alpha.data(), size_.width, size_.width, size_.height);
  libyuv::ARGBUnattenuate(pixels, stride, pixels, stride, size_.width, size_.height);
  sprite.image = opaque();
  return sprite;
}

Sprite Board::cut(int x, int y, int width, int height) {
  Board part({width, height});
  cairo_set_source_surface(part.cairo(), surface_.get(), -x, -y);
  cairo_set_operator(part.cairo(), CAIRO_OPERATOR_SOURCE);
  cairo_paint(part.cairo());
  return part.sprite(x, y);
}

std::pair<uint8_t*, int> Board::pixels_of() {
  cairo_surface_flush(surface_.get());
  return {cairo_image_surface_get_data(surface_.get()), cairo_image_surface_get_stride(surface_.get())};
}

void rounded(cairo_t* cr, double x, double y, double width, double height, double radius) {
  constexpr double kQuarter = std::numbers::pi / 2;
  radius = std::min({radius, width / 2, height / 2});
  cairo_new_sub_path(cr);
  cairo_arc(cr, x + width - radius, y + radius, radius, -kQuarter, 0);
  cairo_arc(cr, x + width - radius, y + height - radius, radius, 0, kQuarter);
  cairo_arc(cr, x + radius, y + height - radius, radius, kQuarter, 2 * kQuarter);
  cairo_arc(cr, x + radius, y + radius, radius, 2 * kQuarter, 3 * kQuarter);
  cairo_close_path(cr);
}

std::string clean(std::string_view text) {
  const std::unique_ptr<char, StringDeleter> valid(
      g_utf8_make_valid(text.data(), static_cast<gssize>(std::min(text.size(), kMaxNameBytes))));
  return valid.get();
}

Text text_on(cairo_t* cr, const std::string& text, const std::string& font, double pixels, int max_width,
             PangoWeight weight) {
  Text result;
  result.layout.reset(pango_cairo_create_layout(cr));
  const std::unique_ptr<PangoFontDescription, FontDeleter> description(
      pango_font_description_from_string(text_families(font).c_str()));
  pango_font_description_set_absolute_size(description.get(), pixels * PANGO_SCALE);
  pango_font_description_set_weight(description.get(), weight);
  PangoLayout* layout = result.layout.get();
  pango_layout_set_font_description(layout, description.get());
  pango_layout_set_single_paragraph_mode(layout, TRUE);
  if (max_width > 0) {
    pango_layout_set_width(layout, max_width * PANGO_SCALE);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
  }
  pango_layout_set_text(layout, text.c_str(), static_cast<int>(text.size()));
  PangoRectangle ink;
  PangoRectangle logical;
  pango_layout_get_pixel_extents(layout, &ink, &logical);
  result.width = logical.width;
  result.height = logical.height;
  // A right-to-left name is aligned to the right of the layout's width: measure first, then take the width back.
  if (max_width > 0 && logical.width < max_width) pango_layout_set_width(layout, logical.width * PANGO_SCALE);
  return result;
}

void show(cairo_t* cr, const Text& text, double x, double y) {
  cairo_move_to(cr, x, y);
  pango_cairo_show_layout(cr, text.layout.get());
}

}  // namespace partyline::mixer
