#include "rtp/payload/h264.hpp"

#include <gtest/gtest.h>

#include "rtp/payload/vp8.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp {
namespace {

using Bytes = std::vector<uint8_t>;
using test::h264_picture;

std::vector<Bytes> payloads_of(const PayloadPlan& plan) {
  std::vector<Bytes> out;
  for (size_t i = 0; i < plan.packets(); ++i) {
    Bytes& packet = out.emplace_back();
    for (const auto& piece : plan.packet(i)) {
      const auto prefix = piece.prefix_bytes();
      packet.insert(packet.end(), prefix.begin(), prefix.end());
      packet.insert(packet.end(), piece.body.begin(), piece.body.end());
    }
  }
  return out;
}

std::vector<Bytes> packetized(const Bytes& picture, int mode = 1, size_t max = 1000) {
  PayloadPlan plan;
  h264::packetize(picture, mode, max, plan);
  return payloads_of(plan);
}

bool add(h264::Depacketizer& depacketizer, const Bytes& payload) {
  const auto buffer = core::Buffer::copy_of(payload);
  return depacketizer.add(buffer, buffer.span());
}

Bytes bytes_of(const core::Buffer& buffer) {
  return {buffer.span().begin(), buffer.span().end()};
}

const Bytes kSps{0, 0, 0, 1, 0x67, 0x42, 0xE0, 0x1F, 0x8C}, kPps{0, 0, 0, 1, 0x68, 0xCE};

TEST(H264, a_keyframe_goes_as_one_stap_a_of_parameter_sets_and_fragments_of_the_picture) {
  const auto payloads = packetized(h264_picture(true, 5000, 1));
  ASSERT_EQ(payloads.size(), 7u);
  EXPECT_EQ(h264::nal_type(payloads[0][0]), h264::stap_a);
  EXPECT_TRUE(h264::starts_access_unit(payloads[0]));
  for (size_t i = 1; i < payloads.size(); ++i) {
    EXPECT_EQ(h264::nal_type(payloads[i][0]), h264::fu_a);
    EXPECT_EQ(payloads[i][1] & 0x80, i == 1 ? 0x80 : 0);
    EXPECT_EQ(payloads[i][1] & 0x40, i == 6 ? 0x40 : 0);
    EXPECT_LE(payloads[i].size(), 1000u);
    EXPECT_EQ(h264::starts_access_unit(payloads[i]), i == 1);
  }
}

TEST(H264, what_is_cut_is_put_together_the_same_for_every_size_around_the_limit) {
  for (size_t size : {1u, 990u, 996u, 997u, 998u, 999u, 1000u, 1001u, 1995u, 1996u, 1997u, 4000u}) {
    const auto picture = h264_picture(true, size, 3);
    h264::Depacketizer depacketizer;
    for (const auto& payload : packetized(picture)) ASSERT_TRUE(add(depacketizer, payload));
    const auto out = depacketizer.finish();
    ASSERT_TRUE(out) << size;
    EXPECT_EQ(bytes_of(out->buffer), picture);
    EXPECT_TRUE(out->keyframe);
  }
}

TEST(H264, mode_0_leaves_out_and_counts_what_is_too_large) {
  PayloadPlan plan;
  EXPECT_EQ(h264::packetize(h264_picture(true, 5000, 1), 0, 1000, plan), 1u);
  EXPECT_EQ(plan.packets(), 2u);
  EXPECT_EQ(h264::packetize(h264_picture(false, 500, 1), 0, 1000, plan), 0u);
  EXPECT_EQ(plan.packets(), 1u);
}

TEST(H264, an_idr_without_parameter_sets_gets_those_that_came_earlier) {
  h264::Depacketizer depacketizer;
  ASSERT_TRUE(add(depacketizer, {kSps.begin() + 4, kSps.end()}));
  ASSERT_TRUE(add(depacketizer, {kPps.begin() + 4, kPps.end()}));
  EXPECT_FALSE(depacketizer.finish());  // no picture in it
  ASSERT_TRUE(add(depacketizer, {0x65, 0x88, 1, 2}));
  const auto out = depacketizer.finish();
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->keyframe);
  Bytes expected = kSps;
  expected.insert(expected.end(), kPps.begin(), kPps.end());
  expected.insert(expected.end(), {0, 0, 0, 1, 0x65, 0x88, 1, 2});
  EXPECT_EQ(bytes_of(out->buffer), expected);
}

TEST(H264, an_idr_whose_parameter_sets_nobody_sent_is_no_keyframe) {
  h264::Depacketizer depacketizer;
  ASSERT_TRUE(add(depacketizer, {0x65, 0x88, 1, 2}));
  const auto out = depacketizer.finish();
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->idr);
  EXPECT_FALSE(out->keyframe);
}

TEST(H264, several_slices_make_one_picture) {
  h264::Depacketizer depacketizer;
  ASSERT_TRUE(add(depacketizer, {0x41, 0x88, 1}));
  ASSERT_TRUE(add(depacketizer, {0x41, 0x48, 2}));
  const auto out = depacketizer.finish();
  ASSERT_TRUE(out);
  EXPECT_EQ(bytes_of(out->buffer), (Bytes{0, 0, 0, 1, 0x41, 0x88, 1, 0, 0, 0, 1, 0x41, 0x48, 2}));
  EXPECT_TRUE(h264::starts_access_unit(Bytes{0x41, 0x88, 1}));
  EXPECT_FALSE(h264::starts_access_unit(Bytes{0x41, 0x48, 2}));
}

TEST(H264, fragments_without_their_start_and_malformed_aggregates_are_refused) {
  const std::vector<Bytes> bad{
      {0x7C, 0x05, 1},       {0x7C, 0x85},    {0x78, 0, 9, 0x67}, {0x78, 0, 0},          {0x78},
      {0x79, 0, 0, 0, 1, 1}, {0x1A, 1, 2, 3}, {0x00, 1},          {0x78, 0, 1, 0x67, 0}, {0x78, 0, 1, 0x78}};
  for (const auto& payload : bad) {
    h264::Depacketizer depacketizer;
    EXPECT_FALSE(add(depacketizer, payload)) << int{payload[0]} << " of " << payload.size();
  }
  h264::Depacketizer open;
  ASSERT_TRUE(add(open, {0x7C, 0x85, 1}));
  EXPECT_FALSE(add(open, {0x41, 0x88}));
  h264::Depacketizer changing;
  ASSERT_TRUE(add(changing, {0x7C, 0x87, 1}));
  EXPECT_FALSE(add(changing, {0x7C, 0x45, 1}));
}

TEST(H264, start_codes_of_three_and_four_bytes_and_trailing_zeros_are_understood) {
  const Bytes stream{9, 9, 0, 0, 1, 0x41, 5, 0, 0, 0, 1, 0x41, 6, 0, 0, 0, 0, 1, 0, 0, 1, 0x41, 7, 0};
  h264::AnnexBReader reader(stream);
  for (uint8_t last : {5, 6, 7}) {
    const auto nal = reader.next();
    ASSERT_TRUE(nal);
    EXPECT_EQ(Bytes(nal->begin(), nal->end()), (Bytes{0x41, last}));
  }
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(h264::AnnexBReader({}).next());
}

TEST(Vp8, what_is_cut_is_put_together_with_a_fifteen_bit_picture_id) {
  Bytes frame(3000);
  for (size_t i = 1; i < frame.size(); ++i) frame[i] = static_cast<uint8_t>(i * 7);
  PayloadPlan plan;
  vp8::packetize(frame, 0x7FFF, 1000, plan);
  vp8::Depacketizer depacketizer;
  const auto payloads = payloads_of(plan);
  ASSERT_EQ(payloads.size(), 4u);
  for (size_t i = 0; i < payloads.size(); ++i) {
    const auto descriptor = vp8::parse(payloads[i]);
    ASSERT_TRUE(descriptor);
    EXPECT_EQ(descriptor->picture_id, 0x7FFF);
    EXPECT_EQ(descriptor->starts_frame, i == 0);
    const auto buffer = core::Buffer::copy_of(payloads[i]);
    EXPECT_TRUE(depacketizer.add(buffer, buffer.span()));
  }
  const auto out = depacketizer.finish();
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->keyframe);
  EXPECT_EQ(bytes_of(out->buffer), frame);
}

TEST(Vp8, descriptors_cut_short_are_refused) {
  for (const Bytes& payload : {Bytes{}, Bytes{0x10}, Bytes{0x90}, Bytes{0x90, 0x80}, Bytes{0x90, 0x80, 0x81},
                               Bytes{0x90, 0x80, 0x81, 0x02}, Bytes{0x90, 0xE0, 0x01, 0x02, 0x03}}) {
    EXPECT_FALSE(vp8::parse(payload)) << payload.size();
  }
  EXPECT_TRUE(vp8::parse(Bytes{0x10, 0}));
}

}  // namespace
}  // namespace partyline::rtp
