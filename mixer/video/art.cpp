#include "mixer/video/art.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include "mixer/video/art_board.hpp"

namespace partyline::mixer {
namespace {

/// A crossed-out microphone in a square of this size.
void draw_microphone(cairo_t* cr, double x, double y, double size) {
  cairo_save(cr);
  cairo_translate(cr, x, y);
  cairo_scale(cr, size / 16, size / 16);
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
  cairo_set_source_rgb(cr, 0.98, 0.42, 0.42);
  rounded(cr, 5.7, 1.5, 4.6, 8, 2.3);
  cairo_fill(cr);
  cairo_set_line_width(cr, 1.4);
  cairo_arc(cr, 8, 7.4, 4.4, 0.1, std::numbers::pi - 0.1);
  cairo_stroke(cr);
  cairo_move_to(cr, 8, 11.8);
  cairo_line_to(cr, 8, 14.3);
  cairo_stroke(cr);
  cairo_set_source_rgb(cr, 0.09, 0.1, 0.12);
  cairo_set_line_width(cr, 3.2);
  cairo_move_to(cr, 2.5, 2.5);
  cairo_line_to(cr, 13.5, 13.5);
  cairo_stroke(cr);
  cairo_set_source_rgb(cr, 0.98, 0.42, 0.42);
  cairo_set_line_width(cr, 1.5);
  cairo_move_to(cr, 2.5, 2.5);
  cairo_line_to(cr, 13.5, 13.5);
  cairo_stroke(cr);
  cairo_restore(cr);
}

Rgb circle_colour(std::string_view name) {
  static constexpr std::array<Rgb, 10> kColours{{{91, 124, 250},
                                                 {236, 112, 99},
                                                 {38, 166, 154},
                                                 {171, 113, 222},
                                                 {240, 150, 60},
                                                 {84, 168, 90},
                                                 {224, 92, 146},
                                                 {64, 156, 214},
                                                 {158, 140, 90},
                                                 {120, 134, 156}}};
  uint32_t hash = 2166136261U;  // FNV-1a: the same name has the same colour in every room
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  return kColours[hash % kColours.size()];
}

/// The room's name and what is waited for, one below the other.
class SlateText {
 public:
  SlateText(cairo_t* cr, std::string_view room, core::VideoSize canvas, const std::string& font)
      : most_(canvas.width * 4 / 5),
        title_(text_on(cr, clean(room), font, canvas.height / 10.0, most_, PANGO_WEIGHT_SEMIBOLD)),
        below_(text_on(cr, "Waiting for others to join", font, canvas.height / 28.0, most_, PANGO_WEIGHT_NORMAL)) {}
  int width() const { return std::min(std::max(title_.width, below_.width), most_); }
  double height() const { return title_.height + below_.height * 1.5; }
  void show_on(cairo_t* cr, double middle, double top) const {
    cairo_set_source_rgb(cr, 0.94, 0.95, 0.97);
    show(cr, title_, middle - std::min(title_.width, most_) / 2.0, top);
    cairo_set_source_rgb(cr, 0.55, 0.58, 0.65);
    show(cr, below_, middle - std::min(below_.width, most_) / 2.0, top + title_.height + below_.height * 0.4);
  }

 private:
  int most_;
  Text title_, below_;
};

}  // namespace

Yuv to_yuv(Rgb c) {
  const auto clamp = [](double value) { return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L)); };
  return {clamp(16 + 0.257 * c.red + 0.504 * c.green + 0.098 * c.blue),
          clamp(128 - 0.148 * c.red - 0.291 * c.green + 0.439 * c.blue),
          clamp(128 + 0.439 * c.red - 0.368 * c.green - 0.071 * c.blue)};
}

Sprite draw_label(std::string_view name, bool audio_muted, core::VideoSize cell, const std::string& font) {
  const std::string text = clean(name);
  if (cell.width < 64 || cell.height < 36 || (text.empty() && !audio_muted)) return {};
  const double pixels = std::clamp(cell.height / 18.0 + 3, 9.0, 26.0);
  const int margin = even_up(std::clamp(cell.height / 30, 4, 14));
  const int padding = static_cast<int>(std::lround(pixels * 0.5));
  const int icon = audio_muted ? static_cast<int>(std::lround(pixels * 1.05)) : 0;
  const int icon_space = icon > 0 ? icon + (text.empty() ? 0 : padding / 2) : 0;
  const int room = cell.width - 2 * margin - 2 * padding - icon_space;
  if (room < 8) return {};
  Board measure({2, 2});
  const Text measured = text_on(measure.cairo(), text, font, pixels, room, PANGO_WEIGHT_MEDIUM);
  const int text_width = text.empty() ? 0 : std::min(measured.width, room);
  // The same height for every script, so that the pills of a row line up.
  const int height = even_up(static_cast<int>(std::lround(pixels * 1.7)));
  Board board({text_width + icon_space + 2 * padding, height});
  cairo_t* cr = board.cairo();
  rounded(cr, 0, 0, board.size().width, board.size().height, height / 3.0);
  board.colour({10, 11, 15}, 0.66);
  cairo_fill(cr);
  if (icon > 0) draw_microphone(cr, padding, (height - icon) / 2.0, icon);
  if (!text.empty()) {
    const Text label = text_on(cr, text, font, pixels, room, PANGO_WEIGHT_MEDIUM);
    cairo_set_source_rgb(cr, 0.96, 0.97, 0.98);
    // Every script on one baseline, where capitals stand in the middle: fonts' own heights differ too much.
    const double baseline = pango_layout_get_baseline(label.layout.get()) / static_cast<double>(PANGO_SCALE);
    show(cr, label, padding + icon_space, height / 2.0 + 0.36 * pixels - baseline);
  }
  return board.sprite(margin, (cell.height - margin - board.size().height) & ~1);
}

std::string initials_of(std::string_view name) {
  const std::string text = clean(name);
  const auto count = static_cast<size_t>(g_utf8_strlen(text.c_str(), -1));
  // A telephone number has no initials.
  if (count == 0 || text[0] == '+' || (text[0] >= '0' && text[0] <= '9')) return {};
  std::vector<PangoLogAttr> attributes(count + 1);
  pango_get_log_attrs(text.c_str(), static_cast<int>(text.size()), 0, pango_language_get_default(), attributes.data(),
                      static_cast<int>(attributes.size()));
  std::vector<std::string> starts;  // the first cluster of each word that begins with something visible
  bool at_start = true;
  const char* p = text.c_str();
  for (size_t i = 0; i < count; ++i) {
    const char* next = g_utf8_next_char(p);
    const gunichar c = g_utf8_get_char(p);
    if (g_unichar_isspace(c) || c == '-' || c == '.' || c == '_' || c == '@') {
      at_start = true;
    } else if (at_start && g_unichar_isgraph(c) && (!g_unichar_ispunct(c) || c > 0x2000)) {
      size_t end = i + 1;
      const char* stop = next;
      while (end < count && !attributes[end].is_cursor_position) {
        stop = g_utf8_next_char(stop);
        ++end;
      }
      starts.emplace_back(p, static_cast<size_t>(stop - p));
      at_start = false;
    }
    p = next;
  }
  if (starts.empty()) return {};
  std::string result = starts.front();
  // Two letters only where a capital means something: Latin, Greek, Cyrillic; else one sign is the custom.
  const auto cased = [](const std::string& s) {
    const gunichar c = g_utf8_get_char(s.c_str());
    return g_unichar_toupper(c) != g_unichar_tolower(c);
  };
  if (starts.size() > 1 && cased(starts.front()) && cased(starts.back())) result += starts.back();
  const std::unique_ptr<char, StringDeleter> upper(g_utf8_strup(result.c_str(), -1));
  return upper.get();
}

I420Image draw_placeholder(std::string_view name, core::VideoSize cell, const std::string& font) {
  Board board(cell);
  cairo_t* cr = board.cairo();
  board.fill(kTileBackground);
  const double radius = std::min(cell.width, cell.height) * 0.23;
  const double x = cell.width / 2.0;
  const double y = cell.height / 2.0;
  const std::string initials = initials_of(name);
  cairo_arc(cr, x, y, radius, 0, 2 * std::numbers::pi);
  board.colour(circle_colour(name));
  cairo_fill(cr);
  cairo_set_source_rgb(cr, 1, 1, 1);
  if (initials.empty()) {  // nobody's silhouette
    cairo_arc(cr, x, y - radius * 0.22, radius * 0.3, 0, 2 * std::numbers::pi);
    cairo_fill(cr);
    cairo_arc(cr, x, y + radius * 0.62, radius * 0.5, std::numbers::pi, 2 * std::numbers::pi);
    cairo_fill(cr);
    return board.opaque();
  }
  const Text text = text_on(cr, initials, font, radius * 0.85, 0, PANGO_WEIGHT_SEMIBOLD);
  PangoRectangle ink;
  pango_layout_get_pixel_extents(text.layout.get(), &ink, nullptr);
  show(cr, text, x - ink.x - ink.width / 2.0, y - ink.y - ink.height / 2.0);
  return board.opaque();
}

I420Image draw_slate(std::string_view room, core::VideoSize canvas, const std::string& font) {
  Board board(canvas);
  cairo_t* cr = board.cairo();
  cairo_pattern_t* gradient = cairo_pattern_create_linear(0, 0, 0, canvas.height);
  // The same step in red, green and blue: chroma stays what it is, and there are no bands of tint.
  cairo_pattern_add_color_stop_rgb(gradient, 0, 0.105, 0.118, 0.155);
  cairo_pattern_add_color_stop_rgb(gradient, 1, 0.055, 0.068, 0.105);
  cairo_set_source(cr, gradient);
  cairo_paint(cr);
  cairo_pattern_destroy(gradient);
  const SlateText text(cr, room, canvas, font);
  text.show_on(cr, canvas.width / 2.0, (canvas.height - text.height()) / 2.0);
  return board.opaque();
}

Sprite draw_slate_text(std::string_view room, core::VideoSize canvas, const std::string& font) {
  Board measure({2, 2});
  const SlateText measured(measure.cairo(), room, canvas, font);
  const int padding = even_up(canvas.height / 24);
  const core::VideoSize size{std::min(even_up(measured.width()) + 2 * padding, canvas.width & ~1),
                             std::min(even_up(static_cast<int>(measured.height())) + 2 * padding, canvas.height & ~1)};
  Board board(size);
  cairo_t* cr = board.cairo();
  rounded(cr, 0, 0, size.width, size.height, padding);
  board.colour({10, 11, 15}, 0.66);
  cairo_fill(cr);
  const SlateText text(cr, room, canvas, font);
  text.show_on(cr, size.width / 2.0, (size.height - text.height()) / 2.0);
  return board.sprite((canvas.width - size.width) / 2 & ~1, (canvas.height - size.height) / 2 & ~1);
}

}  // namespace partyline::mixer
