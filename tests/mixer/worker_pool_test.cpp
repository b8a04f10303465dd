#include "mixer/worker_pool.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <future>
#include <mutex>
#include <vector>

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// Keeps the pool's only thread busy until it is released.
struct Blocked {
  explicit Blocked(WorkerPool& pool) {
    std::promise<void> begun;
    auto began = begun.get_future();
    asio::post(pool.executor(), [begun = std::move(begun), released = release.get_future()]() mutable {
      begun.set_value();
      released.wait();
    });
    began.wait();
  }
  std::promise<void> release;
};

TEST(WorkerPool, what_is_due_first_runs_first_whatever_came_first) {
  WorkerPool pool(1);
  std::vector<char> order;
  {
    Blocked blocked(pool);
    asio::post(pool.executor(kLeisure), [&] { order.push_back('l'); });
    asio::post(pool.executor(kDecodeDue), [&] { order.push_back('d'); });
    asio::post(pool.executor(kEncodeDue), [&] { order.push_back('e'); });
    asio::post(asio::make_strand(pool.executor(kTickDue)), [&] { order.push_back('t'); });
    asio::post(pool.executor(kLeisure), [&] { order.push_back('L'); });
    blocked.release.set_value();
  }
  pool.join();
  EXPECT_EQ(std::string(order.begin(), order.end()), "tedlL");
}

TEST(WorkerPool, a_strand_keeps_its_order_and_runs_one_thing_at_a_time) {
  WorkerPool pool(4);
  const auto strand = asio::make_strand(pool.executor(kDecodeDue));
  std::vector<int> order;  // only the strand protects it
  for (int i = 0; i < 1000; ++i) asio::post(strand, [&order, i] { order.push_back(i); });
  pool.join();
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(WorkerPool, timers_come_to_its_threads) {
  WorkerPool pool(2);
  asio::steady_timer timer(asio::make_strand(pool.executor()), 1ms);
  bool fired = false;
  timer.async_wait([&](const boost::system::error_code& error) { fired = !error; });
  pool.join();
  EXPECT_TRUE(fired);
}

TEST(WorkerPool, work_is_charged_to_its_account_and_to_the_load) {
  WorkerPool pool(1);
  const auto account = std::make_shared<WorkAccount>();
  pool.take_load(core::Clock::now());
  std::promise<void> done;
  asio::post(pool.executor(kTickDue, account), [] {
    const auto until = core::Clock::now() + 20ms;
    while (core::Clock::now() < until) {
    }
  });
  asio::post(pool.executor(kTickDue), [&] { done.set_value(); });
  done.get_future().wait();
  const PoolLoad load = pool.take_load(core::Clock::now());
  EXPECT_GE(account->ns.load(), 20'000'000);
  EXPECT_GT(load.busy, 0);
  EXPECT_LE(load.busy, 1);
  EXPECT_GE(load.latest, 15ms) << "the second piece waited for the first";
  EXPECT_LT(pool.take_load(core::Clock::now() + 10s).busy, 0.1) << "it counts from the last time on";
}

TEST(WorkerPool, has_a_thread_a_core_when_not_told) {
  WorkerPool pool(0);
  EXPECT_GE(pool.threads(), 1);
  pool.join();
}

}  // namespace
}  // namespace partyline::mixer
