#include "gateway/quality.hpp"

#include <gtest/gtest.h>

#include "rtp/voice_quality.hpp"

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

class JournalTest : public ::testing::Test {
 protected:
  // One second of a call: 50 packets each way, some of them lost.
  void second(uint64_t lost_in, double lost_out = 0) {
    now_ += 1s;
    session_.audio.present = true;
    session_.audio.codec = core::Codec::opus;
    session_.audio.packets_received += 50 - lost_in;
    session_.audio.packets_lost += lost_in;
    session_.audio.packets_missing += lost_in;
    if (played_here_) mixed_.audio_frames += 50 - lost_in;
    session_.audio.bytes_received += 5000;
    session_.audio.packets_sent += 50;
    session_.audio.bytes_sent += 2500;
    session_.audio.peer_fraction_lost = lost_out;
    session_.audio.reported_at = now_;
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
  bool played_here_ = true;
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

TEST_F(JournalTest, WhatIsPassedOnIsJudgedByWhatIsMissing) {
  seconds(5, 0);
  played_here_ = false;  // from now on its packets go to somebody else as they come
  seconds(60, 10);
  EXPECT_LT(journal_.mos().value(), 2.8) << "20 % lost, and nobody here conceals anything";
  EXPECT_GT(journal_.mos().value(), 1.5);
}

TEST_F(JournalTest, WhatIsPlayedHereIsJudgedByWhatHadToBeInvented) {
  seconds(60, 10);  // all of it repaired by RED
  EXPECT_GT(journal_.mos().value(), 4.3);
  for (int i = 0; i < 60; ++i) {
    mixed_.audio_concealed_ms += 200;
    second(10);
  }
  EXPECT_NEAR(journal_.mos().value(), rtp::opinion_score(rtp::transmission_rating(core::Codec::opus, 0.1, 25ms)), 0.05);
  EXPECT_LT(journal_.mos_of_late().value(), journal_.mos().value() - 0.5) << "the last ten seconds are all bad";
}

TEST_F(JournalTest, ATimeInWhichNothingIsSaidHealsNothing) {
  played_here_ = false;
  seconds(20, 10);
  const double bad = journal_.mos().value();
  for (int i = 0; i < 600; ++i) journal_.add(session_, mixed_, now_ += 1s);
  EXPECT_DOUBLE_EQ(journal_.mos().value(), bad);
}

TEST_F(JournalTest, WhatComesAgainAfterAllIsNotMissing) {
  played_here_ = false;
  for (int i = 0; i < 30; ++i) {
    second(10);
    session_.audio.packets_missing -= 10;  // repaired a moment later
  }
  second(0);
  EXPECT_GT(journal_.mos().value(), 4.3);
}

}  // namespace
}  // namespace partyline::gateway
