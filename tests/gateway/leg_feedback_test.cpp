#include "gateway/leg_feedback.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <vector>

namespace partyline::gateway {
namespace {

class FakeLeg final : public Leg {
 public:
  FakeLeg() : Leg("leg-1", "Ada", "phone", {}) {}
  std::string_view kind() const override { return "sip"; }
  std::string state() const override { return "connected"; }
  std::string trouble(core::TimePoint) const override { return {}; }
  rtp::SessionStats stats() const override { return {}; }
  void close(const std::string&) override {}
  mixer::Member* member() override { return nullptr; }
  void request_keyframe() override { ++keyframe_requests; }

  int keyframe_requests = 0;
  std::vector<int64_t> wishes;

 private:
  void send_picture_wish(core::Bitrate worth) override { wishes.push_back(worth.bits_per_second); }
};

TEST(LegFeedbackTest, TheNewestWishIsTheLastThatIsHeardWhoeverPostedItFirst) {
  boost::asio::io_context io;
  const auto leg = std::make_shared<FakeLeg>();
  const auto feedback = feedback_to(io.get_executor(), leg);
  // What the loop's own thread posts comes after what the other one posted, though it was wished before.
  boost::asio::post(io, [&] {
    feedback->set_target_bitrate({64'000});
    std::thread([&] { feedback->set_target_bitrate({1'000'000}); }).join();
  });
  io.run();
  ASSERT_FALSE(leg->wishes.empty());
  EXPECT_EQ(leg->wishes.back(), 1'000'000);
}

TEST(LegFeedbackTest, IsHeardOnTheExecutorAndNotByALegThatIsGone) {
  boost::asio::io_context io;
  auto leg = std::make_shared<FakeLeg>();
  const auto feedback = feedback_to(io.get_executor(), leg);
  feedback->request_keyframe();
  EXPECT_EQ(leg->keyframe_requests, 0);
  io.run();
  EXPECT_EQ(leg->keyframe_requests, 1);

  feedback->request_keyframe();
  feedback->set_target_bitrate({64'000});
  leg.reset();
  io.restart();
  EXPECT_EQ(io.run(), 2U);
}

}  // namespace
}  // namespace partyline::gateway
