#include "gateway/names.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

TEST(Names, AScreenIsThatOfSomebody) {
  EXPECT_EQ(sharer_of("alice~screen"), "alice");
  EXPECT_EQ(sharer_of("~screen"), "");
  EXPECT_EQ(sharer_of("alice"), "");
}

TEST(Names, OnlyCharactersThatNeedNoEscapingAnywhereAreAllowed) {
  for (const char* good : {"demo", "a", "Room-1_x.y~z", "0"}) EXPECT_TRUE(is_valid_name(good)) << good;
  for (const char* bad : {"", ".", "..", "a b", "a/b", "a%20", "ü", "a?b", "a\"b"})
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  EXPECT_TRUE(is_valid_name(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
}

TEST(Names, MixStreamsAreOurs) {
  EXPECT_TRUE(is_mix_stream("mix"));
  EXPECT_TRUE(is_mix_stream("mix~ann"));
  EXPECT_FALSE(is_mix_stream("mixer"));
  EXPECT_EQ(listener_of("mix~ann"), "ann");
  EXPECT_EQ(listener_of("mix"), "");
  EXPECT_EQ(mix_stream_for("ann"), "mix~ann");
  EXPECT_EQ(mix_stream_for(""), "mix");
}

TEST(Names, PatternsAreNamesOrPrefixes) {
  EXPECT_TRUE(matches_any("staff-1", {"demo", "staff-*"}));
  EXPECT_TRUE(matches_any("demo", {"demo"}));
  EXPECT_FALSE(matches_any("demo2", {"demo", "staff-*"}));
}

TEST(Names, UrlsAreFilledIn) {
  EXPECT_EQ(expand_url("http://h/?app={room}&stream={stream}&x={room}", "r", "s"), "http://h/?app=r&stream=s&x=r");
}

}  // namespace
}  // namespace partyline::gateway
