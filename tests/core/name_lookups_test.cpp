#include "core/name_lookups.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>

namespace partyline::core {
namespace {

using Addresses = NameLookups::Addresses;

/// Names that begin with "dead" have no answer until release(); what is left behind holds on to it.
struct Names {
  Result<Addresses> answer(const std::string& host) {
    std::unique_lock lock(mutex);
    ++asked[host];
    changed.notify_all();
    if (host.starts_with("dead")) changed.wait(lock, [this] { return released; });
    if (host == "unknown") return make_error(ErrorCode::unavailable, "no such name");
    return Addresses{boost::asio::ip::make_address("192.0.2.1")};
  }
  void release() {
    const std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
  size_t names_asked() {
    const std::lock_guard lock(mutex);
    return asked.size();
  }
  void wait_for_names(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return asked.size() >= count; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> asked;
  bool released = false;
};

struct NameLookupsTest : testing::Test {
  ~NameLookupsTest() override { names->release(); }
  using Answers = std::vector<Result<Addresses>>;
  /// Begins a look-up; the answers are there when the context has run.
  std::shared_ptr<std::optional<Answers>> ask(std::vector<std::string> hosts, Duration limit = 60s) {
    auto result = std::make_shared<std::optional<Answers>>();
    boost::asio::co_spawn(context, lookups.find_all(std::move(hosts), Clock::now() + limit),
                          [result](const std::exception_ptr& error, Answers answers) {
                            EXPECT_FALSE(error);
                            *result = std::move(answers);
                          });
    return result;
  }
  std::shared_ptr<std::optional<Answers>> done;
  std::optional<Answers> ask_now(const std::string& host) {
    done = ask({host});
    context.restart();
    context.run();
    return *done;
  }
  std::shared_ptr<Names> names = std::make_shared<Names>();
  NameLookups lookups{[names = names](const std::string& host) { return names->answer(host); }};
  boost::asio::io_context context;
};

TEST_F(NameLookupsTest, a_dead_name_holds_up_nobody_else_and_its_own_only_until_the_deadline) {
  const auto dead = ask({"dead"}, 50ms), alive = ask({"alive", "192.0.2.7", "unknown"});
  context.run();
  ASSERT_TRUE(*dead && *alive);
  ASSERT_FALSE((**dead)[0]);
  EXPECT_EQ((**dead)[0].error().code, ErrorCode::timeout);
  EXPECT_EQ((**alive)[0].value(), Addresses{boost::asio::ip::make_address("192.0.2.1")});
  EXPECT_EQ((**alive)[1].value(), Addresses{boost::asio::ip::make_address("192.0.2.7")}) << "nobody was asked";
  EXPECT_EQ((**alive)[2].error().code, ErrorCode::unavailable);
  EXPECT_EQ(names->names_asked(), 3u);
}

TEST_F(NameLookupsTest, who_asks_for_the_same_name_meanwhile_waits_for_the_same_answer) {
  const auto first = ask({"dead"}), second = ask({"dead", "alive"});
  context.poll();
  names->wait_for_names(2);
  names->release();
  context.run();
  ASSERT_TRUE(*first && *second);
  EXPECT_TRUE((**first)[0] && (**second)[0] && (**second)[1]);
  EXPECT_EQ(names->asked["dead"], 1);
}

TEST_F(NameLookupsTest, more_names_than_threads_wait_and_more_than_may_wait_are_refused) {
  std::vector<std::string> dead;
  for (size_t i = 0; i < NameLookups::kMostAtOnce; ++i) dead.push_back("dead" + std::to_string(i));
  const auto holding = ask(dead);
  context.poll();
  names->wait_for_names(dead.size());
  std::vector<std::string> many;
  for (size_t i = 0; i <= NameLookups::kMostWaiting; ++i) many.push_back("name" + std::to_string(i));
  const auto waiting = ask(many);
  context.poll();
  EXPECT_EQ(names->names_asked(), dead.size());
  names->release();
  context.run();
  ASSERT_TRUE(*holding && *waiting);
  EXPECT_EQ((**waiting).back().error().code, ErrorCode::limit);
  (**waiting).pop_back();
  for (const auto& each : **waiting) EXPECT_TRUE(each);
}

TEST_F(NameLookupsTest, names_that_nobody_waits_for_any_more_hold_up_no_others) {
  std::vector<std::string> dead;
  for (size_t i = 0; i < NameLookups::kMostAtOnce; ++i) dead.push_back("dead" + std::to_string(i));
  const auto holding = ask(dead, 50ms), alive = ask({"alive"});
  context.run();
  EXPECT_EQ((**holding)[0].error().code, ErrorCode::timeout);
  EXPECT_TRUE((**alive)[0]) << "it waited for its turn, and got one when the others were left behind";
  EXPECT_TRUE((*ask_now("another"))[0]);
}

TEST_F(NameLookupsTest, threads_that_are_left_behind_are_bounded_and_work_again_once_they_are_answered) {
  for (size_t i = 0; i < NameLookups::kMostThreads; ++i) {
    const auto dead = ask({"dead" + std::to_string(i)}, 1ms);
    context.restart();
    context.run();
    ASSERT_FALSE((**dead)[0]);
    names->wait_for_names(i + 1);
  }
  const auto late = ask({"alive"}, 50ms);
  context.restart();
  context.run();
  EXPECT_EQ((**late)[0].error().code, ErrorCode::timeout);
  const auto again = ask({"alive"});
  context.restart();
  context.poll();
  EXPECT_EQ(names->names_asked(), NameLookups::kMostThreads) << "it waits";
  names->release();
  context.run();
  EXPECT_TRUE((**again)[0]);
}

TEST_F(NameLookupsTest, who_gave_up_leaves_nothing_behind) {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  std::vector<std::string> same(50, "dead");
  ask(same, 10ms);
  context.run();
  names->wait_for_names(1);
  const auto before = descriptors();
  for (int i = 0; i < 5; ++i) {
    ask(same, 10ms);
    context.restart();
    context.run();
  }
  EXPECT_EQ(descriptors(), before);
  const auto last = ask({"dead"});
  context.restart();
  context.poll();
  names->release();
  context.run();
  EXPECT_TRUE((**last)[0]) << "the look-up that was left behind answers whoever asks now";
  EXPECT_EQ(names->asked["dead"], 1);
}

TEST_F(NameLookupsTest, a_name_has_so_many_askers_and_no_more) {
  const auto crowd = ask(std::vector<std::string>(NameLookups::kMostAskers + 1, "dead"));
  context.poll();
  names->wait_for_names(1);
  names->release();
  context.run();
  EXPECT_EQ((**crowd).back().error().code, ErrorCode::limit);
  EXPECT_TRUE((**crowd)[NameLookups::kMostAskers - 1]);
}

TEST_F(NameLookupsTest, an_answer_that_comes_when_nobody_is_left_does_no_harm) {
  {
    boost::asio::io_context gone;
    boost::asio::co_spawn(gone, lookups.find("dead", Clock::now() + 60s), [](const auto&, const auto&) {});
    gone.poll();
    names->wait_for_names(1);
  }
  names->release();
  const auto after = ask({"dead"});
  context.run();
  EXPECT_TRUE((**after)[0]);
}

TEST(SystemNames, are_found) {
  boost::asio::io_context context;
  std::optional<Result<Addresses>> found;
  boost::asio::co_spawn(context, NameLookups::of_process().find("localhost", Clock::now() + 30s),
                        [&](const std::exception_ptr&, Result<Addresses> answer) { found = std::move(answer); });
  context.run();
  ASSERT_TRUE(found && *found);
  for (const auto& address : found->value()) EXPECT_TRUE(address.is_loopback());
}

}  // namespace
}  // namespace partyline::core
