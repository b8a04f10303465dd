#include "gateway/layouts.hpp"

#include <gtest/gtest.h>

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

TEST(KeySequences, are_read_from_the_configuration_and_checked) {
  const auto parsed = parse_config("[rooms]\ndtmf = {\"*1\" = \"grid\", \"*0\" = \"auto\"}\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->rooms.dtmf, (std::map<std::string, std::string>{{"*0", "auto"}, {"*1", "grid"}}));
  EXPECT_TRUE(check_rooms(parsed->rooms));
  EXPECT_EQ(parse_config("[rooms]\ndtmf = {\"*1\" = \"grid\", \"*\" = \"auto\"}\n").error().message,
            "line 2, column 8: 'dtmf': '*' is the beginning of '*1'");
  EXPECT_FALSE(parse_config("[rooms]\ndtmf = {\"*1\" = 1}\n"));
  EXPECT_FALSE(parse_config("[rooms]\ndtmf = \"*1\"\n"));
  EXPECT_FALSE(check_rooms(parse_config("[rooms]\ndtmf = {\"*1\" = \"theatre\"}\n")->rooms));
}

}  // namespace
}  // namespace partyline::gateway
