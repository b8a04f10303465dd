// Pictures to be judged by eye: somebody to show, JPEG files, and how much two pictures differ.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
}

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer::test {

/// Something like a person in front of a wall: a head as round as a circle, in colours of its own.
inline Picture person(core::VideoSize size, int seed) {
  I420Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const double dx = (x - size.width / 2.0) / size.height;
      const double dy = static_cast<double>(y) / size.height;
      const bool head = dx * dx + (dy - 0.42) * (dy - 0.42) < 0.03;
      const bool body = dy > 0.62 && std::abs(dx) < 0.12 + (dy - 0.62);
      const double wall = 120 + 60 * dy - 10 * (seed % 5);
      const Yuv colour =
          head   ? Yuv{170, 108, 150}
          : body ? Yuv{static_cast<uint8_t>(80 + 20 * (seed % 4)), static_cast<uint8_t>(150 - 9 * (seed % 7)),
                       static_cast<uint8_t>(100 + 12 * (seed % 5))}
                 : Yuv{static_cast<uint8_t>(wall), static_cast<uint8_t>(120 + 6 * (seed % 4)),
                       static_cast<uint8_t>(126 + 4 * (seed % 3))};
      const int chroma = (y / 2) * image.stride_uv() + x / 2;
      image.y()[y * image.stride_y() + x] = colour.y;
      image.u()[chroma] = colour.u;
      image.v()[chroma] = colour.v;
    }
  }
  return image.picture();
}

inline std::string to_jpeg(const I420View& view) {
  auto encoder = make_video_encoder({core::Codec::jpeg, view.size, 1, core::Bitrate::kbps(1000), 0});
  EncodedPicture out;
  if (!encoder || !(*encoder)->encode(view, 0, true, out)) return {};
  const auto bytes = std::as_const(out.buffer).span();
  return {bytes.begin(), bytes.end()};
}

/// The planes as they are in the file: full range, 4:2:0. Nothing when it is not such a JPEG.
inline Picture from_jpeg(const std::string& bytes) {
  struct Free {
    void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
    void operator()(AVPacket* p) const { av_packet_free(&p); }
  };
  std::unique_ptr<AVCodecContext, Free> context(avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG)));
  std::unique_ptr<AVPacket, Free> packet(av_packet_alloc());
  const std::shared_ptr<AVFrame> frame(av_frame_alloc(), [](AVFrame* p) { av_frame_free(&p); });
  if (bytes.empty() || avcodec_open2(context.get(), nullptr, nullptr) < 0) return {};
  if (av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) return {};
  std::memcpy(packet->data, bytes.data(), bytes.size());
  if (avcodec_send_packet(context.get(), packet.get()) < 0) return {};
  if (avcodec_receive_frame(context.get(), frame.get()) < 0 || frame->format != AV_PIX_FMT_YUVJ420P) return {};
  Picture picture;
  picture.view = {frame->data[0],
                  frame->data[1],
                  frame->data[2],
                  frame->linesize[0],
                  frame->linesize[1],
                  frame->linesize[2],
                  {frame->width, frame->height}};
  picture.owner = frame;
  return picture;
}

struct Difference {
  double worst = 0;  ///< of any block, in steps of luma
  int x = 0, y = 0;  ///< that block's place
};

struct Block {
  double mean = 0, contrast = 0;  ///< contrast: standard deviation
};

inline Block block_of(const uint8_t* plane, int stride, int x, int y, int side) {
  double sum = 0;
  double squares = 0;
  for (int row = y; row < y + side; ++row) {
    for (int column = x; column < x + side; ++column) {
      const double value = plane[row * stride + column];
      sum += value;
      squares += value * value;
    }
  }
  const double mean = sum / (side * side);
  return {mean, std::sqrt(std::max(0.0, squares / (side * side) - mean * mean))};
}

/// Blocks of 8x8 pixels in steps of 4: their mean, their contrast (light letters on a dark ground may leave the mean as
/// it is), and twice their colour, which has less range.
inline Difference compare(const I420View& a, const I420View& b) {
  Difference result;
  if (a.size != b.size) return {1000, 0, 0};
  for (int y = 0; y + 8 <= a.size.height; y += 4) {
    for (int x = 0; x + 8 <= a.size.width; x += 4) {
      const Block luma_a = block_of(a.y, a.stride_y, x, y, 8);
      const Block luma_b = block_of(b.y, b.stride_y, x, y, 8);
      const double u =
          block_of(a.u, a.stride_u, x / 2, y / 2, 4).mean - block_of(b.u, b.stride_u, x / 2, y / 2, 4).mean;
      const double v =
          block_of(a.v, a.stride_v, x / 2, y / 2, 4).mean - block_of(b.v, b.stride_v, x / 2, y / 2, 4).mean;
      const double worst = std::max({std::abs(luma_a.mean - luma_b.mean), std::abs(luma_a.contrast - luma_b.contrast),
                                     2 * std::abs(u), 2 * std::abs(v)});
      if (worst > result.worst) result = {worst, x, y};
    }
  }
  return result;
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// To be looked at, in the folder that PARTYLINE_PICTURES names.
inline void show_picture(const std::string& name, const I420View& view) {
  if (const char* folder = std::getenv("PARTYLINE_PICTURES"))
    write_file(std::string(folder) + "/" + name + ".jpg", to_jpeg(view));
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace partyline::mixer::test
