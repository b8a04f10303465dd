// Mailboxes and bells with real descriptors, as little real time as possible.
#include "core/mailbox.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <thread>

namespace partyline::core {
namespace {

using namespace std::chrono_literals;

TEST(Mailbox, HandsOverEverythingInOrderWhoeverPushes) {
  boost::asio::io_context io;
  std::vector<int> seen;
  const auto box = Mailbox<int>::create(io.get_executor(), 1000, [&](int& item) { seen.push_back(item); });
  std::thread other([&] {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(box->push(i));
  });
  while (seen.size() < 500 && io.run_one_for(10s) > 0) {
  }
  other.join();
  ASSERT_EQ(seen.size(), 500u);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(Mailbox, RefusesWhatDoesNotFitAndTakesAgainAfterwards) {
  boost::asio::io_context io;
  int seen = 0;
  const auto box = Mailbox<int>::create(io.get_executor(), 2, [&](int&) { ++seen; });
  EXPECT_TRUE(box->push(1));
  EXPECT_TRUE(box->push(2));
  EXPECT_FALSE(box->push(3));
  while (seen < 2 && io.run_one_for(10s) > 0) {
  }
  EXPECT_EQ(seen, 2);
  EXPECT_TRUE(box->push(4));
  while (seen < 3 && io.run_one_for(10s) > 0) {
  }
  EXPECT_EQ(seen, 3);
}

TEST(Mailbox, EndsWithItsOwnerAndLeavesTheExecutorWithoutWork) {
  boost::asio::io_context io;
  bool called = false;
  auto box = Mailbox<int>::create(io.get_executor(), 2, [&](int&) { called = true; });
  box->push(1);
  box.reset();
  io.run();
  EXPECT_FALSE(called);
}

TEST(Bell, IsHeardOnceHoweverOftenItRang) {
  Bell bell;
  EXPECT_FALSE(bell.wait_until(Clock::now()));
  bell.ring();
  bell.ring();
  EXPECT_TRUE(bell.wait_until(Clock::now() + 10s));
  EXPECT_FALSE(bell.wait_until(Clock::now()));
}

}  // namespace
}  // namespace partyline::core
