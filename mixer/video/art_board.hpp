// What art is drawn with: a board of Cairo's that becomes a picture or a sprite, and text by Pango.
// Thread: any, one at a time per object.
#pragma once

#include <cairo.h>
#include <pango/pangocairo.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mixer/video/art.hpp"

namespace partyline::mixer {

struct SurfaceDeleter {
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
};
struct CairoDeleter {
  void operator()(cairo_t* p) const { cairo_destroy(p); }
};
struct ObjectDeleter {
  void operator()(void* p) const { g_object_unref(p); }
};
struct FontDeleter {
  void operator()(PangoFontDescription* p) const { pango_font_description_free(p); }
};
struct StringDeleter {
  void operator()(char* p) const { g_free(p); }
};

constexpr int even_up(int value) {
  return (value + 1) & ~1;
}

/// A drawing board of even size, transparent at first.
class Board {
 public:
  explicit Board(core::VideoSize size);

  cairo_t* cairo() { return cairo_.get(); }
  core::VideoSize size() const { return size_; }
  void colour(Rgb c, double alpha = 1);
  void fill(Rgb c);
  I420Image opaque();
  Sprite sprite(int x, int y);
  /// A part of the board as a sprite of its own.
  Sprite cut(int x, int y, int width, int height);

 private:
  std::pair<uint8_t*, int> pixels_of();

  core::VideoSize size_;
  std::unique_ptr<cairo_surface_t, SurfaceDeleter> surface_;
  std::unique_ptr<cairo_t, CairoDeleter> cairo_;
};

/// A closed path with round corners.
void rounded(cairo_t* cr, double x, double y, double width, double height, double radius);

/// Strangers' text: bounded and valid UTF-8.
std::string clean(std::string_view text);

struct Text {
  std::unique_ptr<PangoLayout, ObjectDeleter> layout;
  int width = 0, height = 0;
};

/// `max_width`: pixels, then it is ellipsised; 0: as wide as it gets.
Text text_on(cairo_t* cr, const std::string& text, const std::string& font, double pixels, int max_width,
             PangoWeight weight);
void show(cairo_t* cr, const Text& text, double x, double y);

}  // namespace partyline::mixer
