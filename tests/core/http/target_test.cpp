#include "core/http/target.hpp"

#include <gtest/gtest.h>

#include "core/http/router.hpp"
#include "core/http/url.hpp"

namespace partyline::core::http {
namespace {

TEST(Target, PercentEscapesAreDecodedAndMalformedOnesAreKept) {
  EXPECT_EQ(percent_decode("a%20b%2Fc"), "a b/c");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
}

TEST(Target, TheFirstValueOfAQueryNameWinsAndBadEscapesDoNotThrow) {
  const auto query = parse_query("app=live&stream=a%20b&app=other&flag&=empty&bad=%G1&&x=1=2");
  EXPECT_EQ(query.at("app"), "live");
  EXPECT_EQ(query.at("stream"), "a b");
  EXPECT_EQ(query.at("flag"), "");
  EXPECT_EQ(query.at("bad"), "%G1");
  EXPECT_EQ(query.at("x"), "1=2");
}

TEST(Target, AQueryOfManyNamesIsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "n" + std::to_string(i) + "=1&";
  EXPECT_EQ(parse_query(many).size(), 100u);
}

Router make_router() {
  Router router;
  router.add("GET", "/rooms/{room}", {});
  router.add("DELETE", "/rooms/{room}", {});
  router.add("*", "/any", {});
  router.add("GET", "/files/{path*}", {});
  return router;
}

TEST(Router, PlaceholdersTakeOneDecodedSegment) {
  const Router router = make_router();
  EXPECT_EQ(router.find("GET", "/rooms/a%2Fb").params.at("room"), "a/b");
  EXPECT_EQ(router.find("GET", "/rooms/a/b").handler, nullptr);
  EXPECT_TRUE(router.find("GET", "/rooms/a/b").allowed.empty());
  EXPECT_EQ(router.find("GET", "/rooms/").handler, nullptr);
}

TEST(Router, ARestPlaceholderTakesSlashesToo) {
  EXPECT_EQ(make_router().find("GET", "/files/css/a%20b.css").params.at("path"), "css/a b.css");
}

TEST(Router, AKnownPathWithAnotherMethodTellsWhichAreAllowed) {
  const auto match = make_router().find("PUT", "/rooms/x");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allowed, (std::set<std::string>{"DELETE", "GET", "HEAD"}));
}

TEST(Router, HeadIsAnsweredFromGetAndAStarTakesAnyMethod) {
  EXPECT_TRUE(make_router().find("HEAD", "/rooms/x").head_from_get);
  EXPECT_NE(make_router().find("BREW", "/any").handler, nullptr);
}

TEST(Url, PartsAreFoundAndTheTargetIsKeptVerbatim) {
  const auto url = parse_url("HTTPS://[::1]:8443/whip/?a=b:c+d%zz#frag");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_TRUE(url->host_is_address);
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/whip/?a=b:c+d%zz");
  EXPECT_EQ(url->authority(), "[::1]:8443");
  EXPECT_EQ(parse_url("http://example.org")->target, "/");
  EXPECT_EQ(parse_url("http://example.org?x=1")->target, "/?x=1");
  EXPECT_EQ(parse_url("http://example.org:80/")->authority(), "example.org");
}

TEST(Url, WhatIsNoHttpUrlIsInvalid) {
  for (const char* bad : {"", "ftp://a/", "http://", "http://a b/", "http://a:0/", "http://a:99999/", "http://[::1/",
                          "http://user:secret@a/", "http://a/\r\nX: y", "/whip", "http://[::1]x/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Url, ALocationIsResolvedAgainstTheRequestsUrl) {
  const std::string base = "http://h:1985/rtc/v1/whip/?app=live&stream=x";
  EXPECT_EQ(*resolve_url(base, "/rtc/v1/whip/?action=delete&token=a:b+c"),
            "http://h:1985/rtc/v1/whip/?action=delete&token=a:b+c");
  EXPECT_EQ(*resolve_url(base, "https://other/x"), "https://other/x");
  EXPECT_EQ(*resolve_url(base, "//other/x"), "http://other/x");
  EXPECT_EQ(*resolve_url(base, "session/1?y=2"), "http://h:1985/rtc/v1/whip/session/1?y=2");
  EXPECT_EQ(*resolve_url(base, "../../r/./1"), "http://h:1985/rtc/r/1");
  EXPECT_EQ(*resolve_url(base, "?z"), "http://h:1985/rtc/v1/whip/?z");
  EXPECT_FALSE(resolve_url(base, "/a b"));
}

}  // namespace
}  // namespace partyline::core::http
