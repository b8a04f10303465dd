#include "gateway/srs_hook.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

// As SRS 7.0.18 posts them.
constexpr char kWhip[] =
    R"({"server_id":"vid-51ydd96","service_id":"0h47wy79","action":"on_publish","client_id":"5og73n8f","ip":"127.0.0.1",)"
    R"("vhost":"__defaultVhost__","app":"live","tcUrl":"","stream":"cam1","param":"app=live&stream=cam1&display=J%C3%BCrgen+K",)"
    R"("stream_url":"/live/cam1","stream_id":"vid-1zdo9g7"})";

TEST(SrsHook, AWhipPublicationNamesRoomStreamClientAndQuery) {
  const auto hook = parse_srs_hook(kWhip);
  ASSERT_TRUE(hook);
  EXPECT_EQ(hook->action, SrsHook::Action::publish);
  EXPECT_EQ(hook->room, "live");
  EXPECT_EQ(hook->stream, "cam1");
  EXPECT_EQ(hook->client, "5og73n8f");
  EXPECT_EQ(hook->server, "vid-51ydd96");
  EXPECT_EQ(hook->service, "0h47wy79");
  EXPECT_EQ(hook->param_or("display", ""), "Jürgen K");
}

TEST(SrsHook, TheParamOfRtmpBeginsWithAQuestionMark) {
  const auto hook = parse_srs_hook(R"({"action":"on_play","app":"a","stream":"b","param":"?token=abc&x"})");
  ASSERT_TRUE(hook);
  EXPECT_EQ(hook->action, SrsHook::Action::play);
  EXPECT_EQ(hook->param_or("token", ""), "abc");
  EXPECT_EQ(hook->param_or("x", "absent"), "");
}

TEST(SrsHook, ABrokenEscapeLosesNoOtherValue) {
  const auto hook = parse_srs_hook(R"({"action":"on_stop","param":"a=%zz&b=2"})");
  ASSERT_TRUE(hook);
  EXPECT_EQ(hook->param_or("a", ""), "%zz");
  EXPECT_EQ(hook->param_or("b", ""), "2");
}

TEST(SrsHook, WhatIsNoHookIsRefused) {
  for (const char* body : {"", "0", "[]", "{", "{}", R"({"action":1})", R"({"action":""})"})
    EXPECT_FALSE(parse_srs_hook(body)) << body;
  EXPECT_EQ(parse_srs_hook(R"({"action":"on_dvr"})")->action, SrsHook::Action::other);
}

}  // namespace
}  // namespace partyline::gateway
