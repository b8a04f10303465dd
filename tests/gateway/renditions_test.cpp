#include "gateway/renditions.hpp"

#include <gtest/gtest.h>

#include <set>

namespace partyline::gateway {
namespace {

mixer::VideoRendition room() {
  return {};
}  // 1280×720, 30 fps, 2 Mbit/s

rtp::PayloadFormat h264(int level, int mode) {
  rtp::PayloadFormat format;
  format.codec = core::Codec::h264;
  format.h264 = {0x42, 0xE0, static_cast<uint8_t>(level), mode, true};
  return format;
}

TEST(Renditions, APhoneOfLevel31GetsTheRoomsOwnPicture) {
  EXPECT_EQ(choose_rendition(h264(31, 1), std::nullopt, room()), room());
}

TEST(Renditions, Mode0KeepsEveryNalUnitWithinAPacket) {
  const auto rendition = choose_rendition(h264(31, 0), std::nullopt, room());
  EXPECT_GT(rendition.max_nal_bytes, 1000);
  EXPECT_LT(rendition.max_nal_bytes, 1200);
}

TEST(Renditions, ALowerLevelGetsASmallerPictureWithinItsLimits) {
  struct Row {
    int level, macroblocks, per_second;
  };
  for (const core::VideoSize size : {core::VideoSize{1280, 720}, {1920, 1080}, {3840, 2160}})
    for (const Row row : {Row{10, 99, 1485}, {11, 396, 3000}, {13, 396, 11880}, {22, 1620, 20250}, {30, 1620, 40500}}) {
      auto of_room = room();
      of_room.size = size;
      const auto rendition = choose_rendition(h264(row.level, 1), std::nullopt, of_room);
      const int macroblocks = (rendition.size.width + 15) / 16 * ((rendition.size.height + 15) / 16);
      EXPECT_LE(macroblocks, row.macroblocks) << row.level << " of " << size.height;
      EXPECT_LE(macroblocks * rendition.frames_per_second, row.per_second) << row.level << " of " << size.height;
      EXPECT_GT(rendition.frames_per_second, 0);
      EXPECT_LT(rendition.bitrate, room().bitrate);
    }
}

TEST(Renditions, APhoneThatSaysNothingOfItsLevelGetsStandardDefinition) {
  rtp::PayloadFormat format;
  format.codec = core::Codec::h264;
  const auto rendition = choose_rendition(format, std::nullopt, room());
  EXPECT_GE(rendition.size.width, 640);
  EXPECT_GT(rendition.max_nal_bytes, 0);
}

TEST(Renditions, TheOffersBandwidthIsNotExceeded) {
  const auto rendition = choose_rendition(h264(31, 1), core::Bitrate::kbps(800), room());
  EXPECT_LE(rendition.bitrate, core::Bitrate::kbps(800));
  EXPECT_GE(rendition.bitrate, core::Bitrate::kbps(700));
}

TEST(Renditions, PhonesThatDifferShareTheThreeOfTheLadder) {
  std::set<std::pair<int, int64_t>> distinct;  // width, bits a second
  for (const int level : {12, 13, 20, 22, 30, 31, 32, 40, 51})
    for (int kbps = 200; kbps <= 4000; kbps += 100) {
      const auto chosen = choose_rendition(h264(level, 1), core::Bitrate::kbps(kbps), room());
      EXPECT_LE(chosen.bitrate.bits_per_second / 2, kbps * 1000) << "the encoder goes down to half of it";
      distinct.emplace(chosen.size.width, chosen.bitrate.bits_per_second);
    }
  EXPECT_LE(distinct.size(), 3u);
  EXPECT_EQ(choose_rendition(h264(31, 1), core::Bitrate::kbps(1536), room()), room());
}

TEST(Renditions, StrangeFrameRatesShareAFewEncoders) {
  std::set<int> rates;
  for (uint32_t rate = 1; rate <= 200; ++rate) {
    auto format = h264(31, 1);
    format.max_frame_rate = rate;
    const auto rendition = choose_rendition(format, std::nullopt, room());
    EXPECT_LE(static_cast<uint32_t>(rendition.frames_per_second), rate);
    EXPECT_GE(rendition.frames_per_second, 1);
    rates.insert(rendition.frames_per_second);
  }
  EXPECT_LE(rates.size(), 6u);
  auto format = h264(31, 1);
  format.max_frame_rate = 4'294'967'295;
  EXPECT_EQ(choose_rendition(format, std::nullopt, room()).frames_per_second, room().frames_per_second);
}

TEST(Renditions, Vp8FollowsMaxFrameSizeAndRate) {
  rtp::PayloadFormat format;
  format.codec = core::Codec::vp8;
  format.max_frame_size = 920;
  format.max_frame_rate = 15;
  const auto rendition = choose_rendition(format, std::nullopt, room());
  EXPECT_EQ(rendition.codec, core::Codec::vp8);
  EXPECT_LE((rendition.size.width + 15) / 16 * ((rendition.size.height + 15) / 16), 920);
  EXPECT_LE(rendition.frames_per_second, 15);
}

TEST(Renditions, OpusPreparesForLossInBandWhereThePeerKnowsNothingBetter) {
  rtp::TrackConfig track;
  track.send_format = rtp::PayloadFormat{};
  track.send_format->codec = core::Codec::opus;
  track.send_format->opus_inband_fec = true;
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 10).expected_loss, 10);
  track.red_send = 63;
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 10).expected_loss, 0);
  track.red_send.reset();
  track.send_format->opus_inband_fec = false;
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 10).expected_loss, 0);
}

TEST(Renditions, TwoChannelsAreForMusicRoomsAndWhoPlaysThem) {
  rtp::TrackConfig track;
  track.send_format = rtp::PayloadFormat{};
  track.send_format->codec = core::Codec::opus;
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 0, true).channels, 1);
  track.send_format->opus_stereo = true;
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 0, true).channels, 2);
  EXPECT_EQ(choose_audio_format(track, core::Bitrate::kbps(64), 0, false).channels, 1);
}

}  // namespace
}  // namespace partyline::gateway
