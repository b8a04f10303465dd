#include "sfu/ice_links.hpp"

#include <gmock/gmock.h>

namespace partyline::sfu {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(IceServerLinks, SayWhatRfc9725Says) {
  const auto links =
      ice_server_links({{"stun:s.example:3478", "", ""}, {"turn:t.example?transport=udp", "us\"er", "a\\b"}});
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0], std::pair(std::string("Link"), std::string(R"(<stun:s.example:3478>; rel="ice-server")")));
  EXPECT_EQ(links[1].second, R"(<turn:t.example?transport=udp>; rel="ice-server"; username="us\"er"; )"
                             R"(credential="a\\b"; credential-type="password")");
}

TEST(IceServerLinks, NeverTellASecret) {
  const auto links = ice_server_links({{"turn:t.example", "ann", "", "north"}});
  ASSERT_EQ(links.size(), 1u);
  EXPECT_THAT(links[0].second, StartsWith(R"(<turn:t.example>; rel="ice-server"; username=")"));
  EXPECT_THAT(links[0].second, HasSubstr(R"(:ann"; credential=")"));
  EXPECT_THAT(links[0].second, Not(HasSubstr("north")));
}

}  // namespace
}  // namespace partyline::sfu
