#include "core/ring.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace partyline::core {
namespace {

TEST(Ring, keeps_the_order_while_it_turns_and_grows) {
  Ring<int> ring;
  int in = 0, out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 7; ++i) ring.push_back(in++);
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(ring.front(), out++);
      ring.pop_front();
    }
  }
  EXPECT_EQ(ring.size(), 100u);
  for (; !ring.empty(); ring.pop_front()) ASSERT_EQ(ring.front(), out++);
  EXPECT_EQ(out, in);
}

TEST(Ring, lets_go_of_what_was_taken_out) {
  Ring<std::shared_ptr<int>> ring;
  const auto value = std::make_shared<int>(1);
  ring.push_back(value);
  ring.push_back(value);
  ring.pop_front();
  EXPECT_EQ(value.use_count(), 2);
  ring.clear();
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace partyline::core
