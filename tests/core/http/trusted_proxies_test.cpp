#include "core/http/trusted_proxies.hpp"

#include <gtest/gtest.h>

namespace partyline::core::http {
namespace {

using boost::asio::ip::make_address;

std::string client(const std::string& peer, const Headers& headers) {
  const auto proxies = TrustedProxies::of({"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"});
  EXPECT_TRUE(proxies);
  return proxies->client(make_address(peer), headers).to_string();
}

TEST(TrustedProxies, say_who_asks_and_strangers_do_not) {
  EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", "203.0.113.7"}}), "203.0.113.7");
  EXPECT_EQ(client("::ffff:10.0.0.3", {{"x-forwarded-for", " 203.0.113.7 "}}), "203.0.113.7");
  EXPECT_EQ(client("192.0.2.1", {{"X-Forwarded-For", "203.0.113.7:4711"}}), "203.0.113.7");
  EXPECT_EQ(client("2001:db8::5", {{"X-Forwarded-For", "[2001:dead::1]:80"}}), "2001:dead::1");
  EXPECT_EQ(client("192.0.2.2", {{"X-Forwarded-For", "203.0.113.7"}}), "192.0.2.2");
  EXPECT_EQ(client("2001:db9::5", {{"X-Forwarded-For", "203.0.113.7"}}), "2001:db9::5");
  EXPECT_EQ(client("10.0.0.3", {}), "10.0.0.3");
}

TEST(TrustedProxies, are_believed_up_to_the_first_stranger_only) {
  EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", "8.8.8.8, 203.0.113.7, 10.0.0.2"}}), "203.0.113.7");
  EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", "8.8.8.8"}, {"Host", "x"}, {"X-Forwarded-For", "203.0.113.7"}}),
            "203.0.113.7");
  EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", "8.8.8.8"}, {"X-Forwarded-For", "10.9.9.9, 10.0.0.2"}}), "8.8.8.8");
  EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", "10.0.0.1,10.0.0.2"}}), "10.0.0.1") << "one of them asks itself";
}

TEST(TrustedProxies, that_tell_no_address_are_all_that_is_known) {
  for (const char* value : {"", "unknown", ",", "8.8.8.8, unknown", "8.8.8.8, [", "8.8.8.8,:"})
    EXPECT_EQ(client("10.0.0.3", {{"X-Forwarded-For", value}}), "10.0.0.3") << value;
}

TEST(TrustedProxies, are_addresses_and_networks) {
  for (const char* bad : {"", "proxy.example", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0/8", "1.2.3.4:80"})
    EXPECT_FALSE(TrustedProxies::of({bad})) << bad;
  EXPECT_TRUE(TrustedProxies::of({"0.0.0.0/0", "::/0", "::1"})->contains(make_address("203.0.113.7")));
  EXPECT_FALSE(TrustedProxies::of({})->contains(make_address("127.0.0.1")));
}

}  // namespace
}  // namespace partyline::core::http
