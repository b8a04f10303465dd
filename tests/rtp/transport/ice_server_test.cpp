#include "rtp/transport/ice_server.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace partyline::rtp {
namespace {

// printf '1700000000:ann' | openssl dgst -sha1 -hmac north -binary | base64
TEST(IceServer, a_secret_becomes_a_name_with_an_end_and_its_hmac) {
  const IceServer turn{"turn:t.example?transport=tcp", "ann", "", "north"};
  const IceServer told = for_session(turn, 1700000000);
  EXPECT_EQ(told.url, turn.url);
  EXPECT_EQ(told.username, "1700000000:ann");
  EXPECT_EQ(told.credential, "jeamH6dA5l2I9g3jmieza7CzEDo=");
  EXPECT_EQ(told.secret, "") << "the secret is nobody else's";
}

TEST(IceServer, a_secret_needs_no_name) {
  const IceServer told = for_session({"turn:t.example", "", "", "north"}, 1700000000);
  EXPECT_EQ(told.username, "1700000000");
  EXPECT_EQ(told.credential, "CWyHi3zCeWqXBir9thl4m+iZPRY=");
}

TEST(IceServer, without_a_secret_it_is_told_as_it_is) {
  const IceServer turn{"turn:t.example", "ann", "s3cret"};
  EXPECT_EQ(for_session(turn, 1700000000), turn);
}

TEST(IceServer, credentials_made_now_are_good_for_a_day) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const IceServer told = for_session_now({"turn:t.example", "ann", "", "north"});
  EXPECT_NEAR(std::stod(told.username), static_cast<double>(now + 24 * 3600), 60);
}

}  // namespace
}  // namespace partyline::rtp
