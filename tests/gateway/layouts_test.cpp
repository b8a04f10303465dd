#include <gtest/gtest.h>

#include "gateway/layouts.hpp"

namespace partyline::gateway {
namespace {

TEST(Decor, nothing_configured_is_no_decor) {
  const auto decor = load_decor(Config{}.rooms);
  ASSERT_TRUE(decor);
  EXPECT_EQ(*decor, nullptr);
}

TEST(Decor, a_picture_that_cannot_be_read_is_told_with_its_place_in_the_configuration) {
  const auto config = parse_config("[rooms]\nlogo = \"/nowhere/logo.png\"\n");
  ASSERT_TRUE(config);
  const auto decor = load_decor(config->rooms);
  ASSERT_FALSE(decor);
  EXPECT_EQ(decor.error().message, "line 2, column 8: [rooms] logo: /nowhere/logo.png: there is no such file");
}

TEST(Decor, what_the_configuration_names_is_looked_at_when_it_is_checked) {
  EXPECT_TRUE(check_rooms(Config{}.rooms));
  EXPECT_FALSE(check_rooms(parse_config("[rooms]\nbackground = \"/nowhere\"\n")->rooms));
  EXPECT_FALSE(check_rooms(parse_config("[rooms]\nlayout = \"theatre\"\n")->rooms));
}

}  // namespace
}  // namespace partyline::gateway
