#include "core/secret.hpp"

#include <gtest/gtest.h>

namespace partyline::core {
namespace {

TEST(SameSecret, is_the_same_from_the_first_to_the_last_character) {
  EXPECT_TRUE(same_secret("", ""));
  EXPECT_TRUE(same_secret("token", "token"));
  for (const char* other : {"", "t", "toke", "tokeN", "Token", "tokentoken", "token "}) {
    EXPECT_FALSE(same_secret(other, "token")) << other;
    EXPECT_FALSE(same_secret("token", other)) << other;
  }
}

}  // namespace
}  // namespace partyline::core
