#include "gateway/outbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace partyline::gateway {
namespace {

core::EncodedFrame frame(int64_t rtp_time) {
  core::EncodedFrame made;
  made.codec = core::Codec::pcmu;
  made.buffer = core::Buffer::copy_of(std::array<uint8_t, 3>{1, 2, 3});
  made.data = std::as_const(made.buffer).span();
  made.rtp_time = rtp_time;
  return made;
}

struct Phone final : FrameSender {
  std::vector<core::EncodedFrame> frames;
  std::function<void()> then = [] {};
  void send_frame(const core::EncodedFrame& sent) override {
    frames.push_back(sent);
    then();
  }
  std::vector<int64_t> times() const {
    std::vector<int64_t> all;
    for (const auto& sent : frames) all.push_back(sent.rtp_time);
    return all;
  }
};

struct World {
  boost::asio::io_context io;
  std::shared_ptr<Outbox> outbox = Outbox::create(io.get_executor());
  std::shared_ptr<Phone> make() const { return std::make_shared<Phone>(); }
  void deliver() {
    while (io.poll() > 0) io.restart();
  }
};

TEST(Outbox, everybody_gets_what_is_his_in_the_order_of_posting) {
  World world;
  const auto one = world.make(), two = world.make();
  OutboxSink to_one(world.outbox, world.outbox->add(one)), to_two(world.outbox, world.outbox->add(two));
  const auto shared = frame(160), own = frame(160), later = frame(320);
  to_one.push(shared);
  to_two.push(own);  // the same time, another mix
  to_one.push(later);
  to_two.push(later);
  EXPECT_TRUE(one->frames.empty());  // not on the caller's thread
  world.deliver();
  EXPECT_EQ(one->times(), (std::vector<int64_t>{160, 320}));
  EXPECT_EQ(two->times(), (std::vector<int64_t>{160, 320}));
  EXPECT_EQ(one->frames[0].data.data(), shared.data.data());
  EXPECT_EQ(two->frames[0].data.data(), own.data.data());
  EXPECT_EQ(two->frames[1].data.data(), later.data.data());
}

TEST(Outbox, one_encode_with_another_time_for_somebody_is_his_own_frame) {
  World world;
  const auto one = world.make(), two = world.make(), three = world.make();
  OutboxSink to_one(world.outbox, world.outbox->add(one)), to_two(world.outbox, world.outbox->add(two)),
      to_three(world.outbox, world.outbox->add(three));
  const auto mix = frame(160);
  auto spliced = mix;
  spliced.rtp_time = 999;
  auto gap = mix;
  gap.after_loss = true;
  to_one.push(mix);
  to_two.push(spliced);
  to_three.push(gap);
  world.deliver();
  EXPECT_EQ(one->times(), (std::vector<int64_t>{160}));
  EXPECT_EQ(two->times(), (std::vector<int64_t>{999}));
  ASSERT_EQ(three->frames.size(), 1u);
  EXPECT_TRUE(three->frames[0].after_loss);
  EXPECT_FALSE(one->frames[0].after_loss);
}

TEST(Outbox, what_is_under_way_to_one_who_is_removed_reaches_nobody) {
  World world;
  const auto gone = world.make(), next = world.make();
  const auto address = world.outbox->add(gone);
  OutboxSink to_gone(world.outbox, address);
  to_gone.push(frame(160));
  world.outbox->remove(address);
  OutboxSink to_next(world.outbox, world.outbox->add(next));  // in the same place
  to_next.push(frame(320));
  to_gone.push(frame(480));
  world.deliver();
  EXPECT_TRUE(gone->frames.empty());
  EXPECT_EQ(next->times(), (std::vector<int64_t>{320}));
}

TEST(Outbox, a_sender_that_is_destroyed_is_skipped) {
  World world;
  auto gone = world.make();
  const auto stays = world.make();
  OutboxSink to_gone(world.outbox, world.outbox->add(gone)), to_stays(world.outbox, world.outbox->add(stays));
  to_gone.push(frame(160));
  to_stays.push(frame(160));
  gone.reset();
  world.deliver();
  EXPECT_EQ(stays->times(), (std::vector<int64_t>{160}));
}

TEST(Outbox, senders_may_come_and_go_while_frames_are_handed_out) {
  World world;
  const auto one = world.make(), two = world.make(), late = world.make();
  const auto address = world.outbox->add(two);
  OutboxSink to_one(world.outbox, world.outbox->add(one)), to_two(world.outbox, address);
  one->then = [&] {
    world.outbox->remove(address);
    for (int i = 0; i < 100; ++i) world.outbox->add(late);
  };
  to_one.push(frame(160));
  to_two.push(frame(160));
  world.deliver();
  EXPECT_EQ(one->times(), (std::vector<int64_t>{160}));
  EXPECT_TRUE(two->frames.empty());
  EXPECT_TRUE(late->frames.empty());
}

TEST(Outbox, a_full_one_takes_no_more_and_then_goes_on) {
  World world;
  const auto phone = world.make();
  OutboxSink to_phone(world.outbox, world.outbox->add(phone));
  const auto mix = frame(160);
  for (int i = 0; i < 20'000; ++i) to_phone.push(mix);
  world.deliver();
  EXPECT_LT(phone->frames.size(), 20'000u);
  const size_t before = phone->frames.size();
  EXPECT_GT(before, 10'000u);
  to_phone.push(mix);
  to_phone.push(mix);
  world.deliver();
  ASSERT_EQ(phone->frames.size(), before + 2);
  EXPECT_FALSE(phone->frames[before - 1].after_loss);
  EXPECT_TRUE(phone->frames[before].after_loss) << "or nobody would miss what fell";
  EXPECT_FALSE(phone->frames[before + 1].after_loss);
}

TEST(Outbox, frames_may_be_posted_from_other_threads_while_others_are_handed_out) {
  World world;
  constexpr int64_t kEach = 1000;
  std::array<std::shared_ptr<Phone>, 2> phones{world.make(), world.make()};
  std::array<std::unique_ptr<OutboxSink>, 2> sinks;
  for (size_t i = 0; i < phones.size(); ++i)
    sinks[i] = std::make_unique<OutboxSink>(world.outbox, world.outbox->add(phones[i]));
  std::vector<std::thread> mixers;
  for (const auto& sink : sinks)
    mixers.emplace_back([&sink] {
      for (int64_t i = 0; i < kEach; ++i) sink->push(frame(i));
    });
  const auto all_came = [&] { return phones[0]->frames.size() + phones[1]->frames.size() == 2 * kEach; };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!all_came() && std::chrono::steady_clock::now() < give_up) {
    world.io.run_one_for(std::chrono::milliseconds(100));
    world.io.restart();
  }
  for (std::thread& mixer : mixers) mixer.join();
  world.deliver();
  for (const auto& phone : phones) {
    const auto times = phone->times();
    ASSERT_EQ(times.size(), static_cast<size_t>(kEach));
    EXPECT_TRUE(std::ranges::is_sorted(times));
  }
}

}  // namespace
}  // namespace partyline::gateway
