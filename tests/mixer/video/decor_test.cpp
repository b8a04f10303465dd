#include "mixer/video/decor.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/mixer/video/golden_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

struct Colour {
  uint8_t blue = 0, green = 0, red = 0, alpha = 255;
};
constexpr Colour kOrange{0, 128, 255, 255};

std::shared_ptr<Bitmap> bitmap_of(core::VideoSize size, Colour colour) {
  auto bitmap = std::make_shared<Bitmap>(Bitmap{size, size.width * 4, {}});
  for (int i = 0; i < size.width * size.height; ++i)
    bitmap->pixels.insert(bitmap->pixels.end(), {colour.blue, colour.green, colour.red, colour.alpha});
  return bitmap;
}

Yuv yuv_of(Colour c) {
  return to_yuv({c.red, c.green, c.blue});
}

std::string png_of(core::VideoSize size, Colour colour) {
  struct Free {
    void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
    void operator()(AVPacket* p) const { av_packet_free(&p); }
    void operator()(AVFrame* p) const { av_frame_free(&p); }
  };
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  std::unique_ptr<AVCodecContext, Free> context(avcodec_alloc_context3(codec));
  std::unique_ptr<AVFrame, Free> frame(av_frame_alloc());
  std::unique_ptr<AVPacket, Free> packet(av_packet_alloc());
  context->pix_fmt = AV_PIX_FMT_RGBA;
  context->width = frame->width = size.width;
  context->height = frame->height = size.height;
  context->time_base = {1, 25};
  frame->format = AV_PIX_FMT_RGBA;
  if (avcodec_open2(context.get(), codec, nullptr) < 0 || av_frame_get_buffer(frame.get(), 0) < 0) return {};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      uint8_t* pixel = frame->data[0] + y * frame->linesize[0] + x * 4;
      pixel[0] = colour.red, pixel[1] = colour.green, pixel[2] = colour.blue, pixel[3] = colour.alpha;
    }
  }
  if (avcodec_send_frame(context.get(), frame.get()) < 0 || avcodec_receive_packet(context.get(), packet.get()) < 0)
    return {};
  return {reinterpret_cast<const char*>(packet->data), static_cast<size_t>(packet->size)};
}

struct DecorFile : testing::Test {
  std::string path = testing::TempDir() + "decor_test.png";
  void TearDown() override { std::filesystem::remove(path); }
};

TEST_F(DecorFile, a_png_is_read_with_its_colours) {
  write_file(path, png_of({200, 100}, kOrange));
  const auto bitmap = read_png(path);
  ASSERT_TRUE(bitmap) << bitmap.error().message;
  EXPECT_EQ((*bitmap)->size, (core::VideoSize{200, 100}));
  EXPECT_TRUE(near(pixel(draw_background(**bitmap, {320, 180}).view(), 160, 90), yuv_of(kOrange), 4));
}

TEST_F(DecorFile, what_is_no_png_or_too_large_is_refused_before_it_is_decoded) {
  EXPECT_EQ(read_png("/nowhere/logo.png").error().code, core::ErrorCode::not_found);
  EXPECT_EQ(read_png(testing::TempDir()).error().code, core::ErrorCode::not_found);
  write_file(path, "GIF89a, and enough more to fill a header");
  EXPECT_EQ(read_png(path).error().code, core::ErrorCode::invalid);
  write_file(path, png_of({8, 8}, kOrange).substr(0, 12));
  EXPECT_EQ(read_png(path).error().code, core::ErrorCode::invalid);
  write_file(path, png_of({64, 64}, kOrange).substr(0, 45));
  EXPECT_EQ(read_png(path).error().code, core::ErrorCode::invalid);
  std::string huge = png_of({8, 8}, kOrange);
  huge[18] = 0x40;  // 16384 and more pixels wide
  write_file(path, huge);
  EXPECT_EQ(read_png(path).error().code, core::ErrorCode::limit);
}

TEST(Background, covers_the_canvas_and_a_transparent_one_shows_the_usual_ground) {
  const auto wide = bitmap_of({400, 20}, kOrange);
  const I420Image image = draw_background(*wide, {320, 180});
  for (const int x : {0, 160, 319})
    for (const int y : {0, 90, 179}) EXPECT_TRUE(near(pixel(image.view(), x, y), yuv_of(kOrange), 4));
  const I420Image nothing = draw_background(*bitmap_of({64, 64}, {0, 0, 0, 0}), {320, 180});
  EXPECT_TRUE(near(pixel(nothing.view(), 160, 90), to_yuv(kBackground), 4));
}

TEST(Logo, keeps_its_shape_and_lies_in_the_upper_right_corner) {
  for (const core::VideoSize size : {core::VideoSize{40, 20}, core::VideoSize{2000, 100}, core::VideoSize{100, 2000}}) {
    const Sprite logo = draw_logo(*bitmap_of(size, kOrange), {1280, 720});
    const auto [width, height] = logo.image.size();
    EXPECT_TRUE(width <= 214 && height <= 80 && width <= size.width && height <= size.height);
    EXPECT_LE(logo.x + width, 1280);
    EXPECT_GT(logo.x, 1000);
    EXPECT_LT(logo.y, 40);
    EXPECT_EQ((logo.x | logo.y | width | height) % 2, 0);
  }
}

struct DecoratedRoom : testing::Test {
  std::shared_ptr<Decor> decor = std::make_shared<Decor>();
  void SetUp() override {
    decor->background = bitmap_of({640, 360}, kOrange);
    decor->logo = bitmap_of({100, 50}, {60, 60, 60, 128});  // grey of half its strength, half transparent
  }
  void tick(Room& room) const {
    room.core.tick(room.now);
    for (const ArtKey& key : room.core.gallery().take_wishes())
      room.core.gallery().hang(key, draw_art(key, EngineConfig().font, decor.get()));
    room.now += room.core.frame_interval();
  }
};

TEST_F(DecoratedRoom, the_background_fills_what_no_tile_covers_and_the_logo_stays_as_it_is_whatever_is_painted_below) {
  Room room({.name = "demo", .decor = decor});
  room.watch(1);
  const auto left = room.join(1, ""), right = room.join(2, ""), third = room.join(3, "");
  const int x = 1180, y = 40;  // within the logo, above the second tile
  Yuv first{};
  for (int i = 0; i < 12; ++i) {
    left->next = solid_picture({640, 360}, kRed);
    if (i < 6 || i > 9) right->next = solid_picture({640, 360}, kWhite);
    tick(room);
    const Yuv now = pixel(room.core.canvas().view(), x, y);
    if (i == 3) first = now;
    EXPECT_TRUE(i < 3 || near(now, first, 1)) << "blended once, frame " << i;
  }
  show_picture("decor-3", room.core.canvas().view());
  EXPECT_GT(kWhite.y - first.y, 20) << "there is a logo";
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 100, 600), yuv_of(kOrange), 4)) << "beside the third tile";
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 320, 180), kRed));
  for (const auto& [x_of_corner, y_of_corner] : {std::pair{0, 0}, {638, 0}, {640, 358}, {320, 718}})
    EXPECT_TRUE(near(pixel(room.core.canvas().view(), x_of_corner, y_of_corner), yuv_of(kOrange), 4)) << x_of_corner;
}

TEST_F(DecoratedRoom, the_background_stays_while_it_is_drawn_in_another_size) {
  Room room({.name = "demo", .decor = decor});
  room.watch(1);
  room.join(1, "");
  room.join(2, "");
  room.join(3, "");
  for (int i = 0; i < 4; ++i) tick(room);
  for (const int sixths : {4, 3, 6}) {
    room.core.set_economy({.least_effort = false, .rate_divisor = 1, .size_sixths = sixths});
    room.core.tick(room.now);  // nothing is drawn meanwhile
    room.now += room.core.frame_interval();
    const I420View view = room.core.canvas().view();
    EXPECT_TRUE(near(pixel(view, view.size.width / 12, view.size.height * 5 / 6), yuv_of(kOrange), 4)) << sixths;
  }
}

TEST_F(DecoratedRoom, the_slates_words_lie_over_the_background) {
  Room room({.name = "demo", .decor = decor});
  room.watch(1);
  for (int i = 0; i < 4; ++i) tick(room);
  const I420View view = room.core.canvas().view();
  show_picture("decor-slate", view);
  for (const auto& [x, y] : {std::pair{10, 10}, {10, 710}, {1270, 710}, {640, 100}})
    EXPECT_TRUE(near(pixel(view, x, y), yuv_of(kOrange), 4)) << x << "," << y;
  int bright = 0;
  for (int x = 320; x < 960; ++x) bright += pixel(view, x, 350).y > 200 ? 1 : 0;
  EXPECT_GT(bright, 10) << "the room's name";
}

TEST_F(DecoratedRoom, the_slate_has_the_logo_too) {
  Room room({.name = "demo", .decor = decor});
  room.watch(1);
  for (int i = 0; i < 4; ++i) tick(room);
  const I420View view = room.core.canvas().view();
  EXPECT_FALSE(near(pixel(view, 1180, 40), pixel(view, 900, 40), 8));
}

}  // namespace
}  // namespace partyline::mixer
