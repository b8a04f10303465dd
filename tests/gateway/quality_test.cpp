#include "gateway/quality.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Mos, FallsWithLossAndDelayWithinItsScale) {
  using core::Codec;
  EXPECT_NEAR(estimate_mos(Codec::pcmu, 0, 0ms), 4.41, 0.02) << "G.711 at its best (G.107: R = 93.2)";
  EXPECT_LT(estimate_mos(Codec::pcmu, 0.05, 50ms), estimate_mos(Codec::pcmu, 0.01, 50ms));
  EXPECT_LT(estimate_mos(Codec::opus, 0, 400ms), estimate_mos(Codec::opus, 0, 100ms) - 0.5);
  EXPECT_GE(estimate_mos(Codec::g722, 1, 5s), 1.0);
  EXPECT_LE(estimate_mos(Codec::opus, 0, 0ms), 4.5);
}

class JournalTest : public ::testing::Test {
 protected:
  // One second of a call: 50 packets each way, some of them lost.
  void second(uint64_t lost_in, double lost_out = 0) {
    now_ += 1s;
    session_.audio.present = true;
    session_.audio.codec = core::Codec::opus;
    session_.audio.packets_received += 50 - lost_in;
    session_.audio.packets_lost += lost_in;
    session_.audio.bytes_received += 5000;
    session_.audio.packets_sent += 50;
    session_.audio.bytes_sent += 2500;
    session_.audio.peer_fraction_lost = lost_out;
    journal_.add(session_, mixed_, now_);
  }
  void seconds(int count, uint64_t lost_in, double lost_out = 0) {
    for (int i = 0; i < count; ++i) second(lost_in, lost_out);
  }
  std::string verdict() {
    // The call began at noon.
    const auto noon = std::chrono::system_clock::time_point(std::chrono::hours(12));
    return journal_.verdict(now_, noon + std::chrono::duration_cast<std::chrono::seconds>(now_ - start_));
  }

  const core::TimePoint start_ = core::TimePoint{} + 1h;
  core::TimePoint now_ = start_;
  QualityJournal journal_{"phone", start_};
  rtp::SessionStats session_;
  mixer::MemberStats mixed_;
};

TEST_F(JournalTest, AGoodCallHasNoTrouble) {
  seconds(60, 0);
  EXPECT_EQ(verdict(), "no trouble; speech MOS 4.4");
  EXPECT_EQ(journal_.rates().audio_in.bits_per_second, 40000);
  EXPECT_EQ(journal_.rates().audio_out.bits_per_second, 20000);
}

TEST_F(JournalTest, ALossyHalfMinuteIsToldWithItsTime) {
  seconds(190, 0);
  seconds(30, 4);
  seconds(60, 0);
  const auto words = verdict();
  EXPECT_NE(words.find("phone → gateway audio lost 8 % between 12:03:10 and 12:03:40"), std::string::npos) << words;
  EXPECT_EQ(words.find("gateway → phone"), std::string::npos) << words;
}

TEST_F(JournalTest, TheOtherDirectionIsTheReportsOfThePeer) {
  seconds(10, 0);
  seconds(10, 0, 0.1);
  seconds(10, 0);
  EXPECT_NE(verdict().find("gateway → phone audio lost 10 % between 12:00:10 and 12:00:20"), std::string::npos)
      << verdict();
}

TEST_F(JournalTest, ALostPacketNowAndThenIsNoTrouble) {
  for (int i = 0; i < 30; ++i) {
    second(1);
    seconds(9, 0);
  }
  EXPECT_EQ(verdict().substr(0, 10), "no trouble");
}

TEST_F(JournalTest, ManyEpisodesAreToldShortly) {
  for (int i = 0; i < 20; ++i) {
    seconds(3, i == 7 ? 30 : 5);
    seconds(20, 0);
  }
  const auto words = verdict();
  EXPECT_NE(words.find("60 % between"), std::string::npos) << words;
  EXPECT_NE(words.find("and 18 more times"), std::string::npos) << words;
  EXPECT_LT(words.size(), 200u);
}

TEST_F(JournalTest, WhatTheMixerHadToInventIsTold) {
  mixed_.audio_concealed_ms = 3200;
  mixed_.video_freezes = 2;
  mixed_.video_frozen_ms = 1500;
  seconds(60, 0);
  const auto words = verdict();
  EXPECT_NE(words.find("3.2 s of its audio were concealed"), std::string::npos) << words;
  EXPECT_NE(words.find("its picture stood still 2 times, 1.5 s in all"), std::string::npos) << words;
}

}  // namespace
}  // namespace partyline::gateway
