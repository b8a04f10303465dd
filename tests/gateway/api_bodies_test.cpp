#include "gateway/api_bodies.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

TEST(ApiBodies, WhatIsSaidIsRead) {
  EXPECT_EQ(read_room_settings(R"({"layout":"speaker"})").value().layout, "speaker");
  EXPECT_EQ(read_room_settings(R"({"self_view":false})").value().self_view, false);
  EXPECT_FALSE(read_room_settings("{}").value().layout);
  EXPECT_FALSE(read_room_settings("{}").value().self_view);
  EXPECT_FALSE(read_room_settings(R"({"self_view":"no"})"));
  EXPECT_EQ(read_output("demo", R"({"url":"rtmp://host/app/key"})", 0).value().url, "rtmp://host/app/key");
  EXPECT_EQ(read_output("demo", R"({"record":"mkv"})", 86400).value().url, "file:demo-19700102T000000Z.mkv");
  EXPECT_EQ(read_width({{"width", "320"}}).value(), 320);
  EXPECT_FALSE(read_width({}).value());
  EXPECT_FALSE(read_width({{"width", "320px"}}));
  EXPECT_EQ(read_dial(R"({"dial":"sip:alice@192.0.2.1"})").value(), "sip:alice@192.0.2.1");
}

TEST(ApiBodies, SettingsThatAreNotSaidStay) {
  LegSettings before;
  before.muted = before.video_muted = true;
  before.gain_db = -6;
  const auto after = read_settings(before, R"({"video_muted":false,"pinned":true,"echo_guard":true})");
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->muted);
  EXPECT_FALSE(after->video_muted);
  EXPECT_EQ(after->gain_db, -6);
  EXPECT_TRUE(after->pinned);
  EXPECT_TRUE(after->voice.echo_guard);
}

TEST(ApiBodies, LegsAreRecordedInMatroskaOnly) {
  const auto one = read_output("demo", R"({"record":"mkv","leg":"sip-3"})", 0);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->leg, "sip-3");
  EXPECT_EQ(one->url, "");
  const auto each = read_output("demo", R"({"record":"mkv","each_leg":true})", 86400);
  ASSERT_TRUE(each);
  EXPECT_TRUE(each->each_leg);
  EXPECT_EQ(each->url, "file:demo-19700102T000000Z.mkv");
  EXPECT_FALSE(read_output("demo", R"({"record":"mp4","each_leg":false})", 0).value().each_leg);
  for (const std::string body : {R"({"record":"mp4","leg":"sip-3"})", R"({"record":"flv","each_leg":true})"}) {
    const auto refused = read_output("demo", body, 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, core::ErrorCode::unsupported);
  }
  for (const std::string body : {R"({"url":"rtmp://host/app/key","leg":"sip-3"})", R"({"record":"mkv","leg":3})",
                                 R"({"record":"mkv","leg":""})", R"({"record":"mkv","each_leg":1})",
                                 R"({"record":"mkv","leg":"sip-3","each_leg":true})", R"({"leg":"sip-3"})"}) {
    const auto refused = read_output("demo", body, 0);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, core::ErrorCode::invalid) << body;
  }
}

TEST(ApiBodies, TheGainHasLimits) {
  EXPECT_EQ(read_settings({}, R"({"gain_db":-60})").value().gain_db, -60);
  EXPECT_EQ(read_settings({}, R"({"gain_db":24})").value().gain_db, 24);
  EXPECT_FALSE(read_settings({}, R"({"gain_db":24.1})"));
  EXPECT_FALSE(read_settings({}, R"({"gain_db":-1e300})"));
  EXPECT_FALSE(read_settings({}, R"({"gain_db":"loud"})"));
}

TEST(ApiBodies, AnythingElseIsRefusedInWords) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  for (const std::string& body : {std::string(), std::string("[]"), std::string("null"), std::string("{"), deep,
                                  std::string(R"({"muted":1})"), std::string(R"({"layout":1,"url":1,"dial":1})")}) {
    SCOPED_TRACE(body);
    EXPECT_FALSE(read_room_settings(body));
    EXPECT_FALSE(read_output("demo", body, 0));
    EXPECT_FALSE(read_dial(body));
    ASSERT_FALSE(read_settings({}, body));
    EXPECT_FALSE(read_settings({}, body).error().message.empty());
  }
  EXPECT_NE(read_dial(R"({"dail":"sip:a@b"})").error().message.find("unknown field 'dail'"), std::string::npos);
  EXPECT_NE(read_dial("{}").error().message.find(R"(e.g. {"dial":"sip:)"), std::string::npos);
}

}  // namespace
}  // namespace partyline::gateway
