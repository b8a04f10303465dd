#include "gateway/srs_directory.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

// As SRS 7.0.18 writes it, shortened to what differs.
constexpr char kClients[] = R"({"code":0,"server":"vid-51ydd96","service":"0h47wy79","pid":"5291","clients":[
  {"id":"47892h96","vhost":"vid-2859v1g","url":"/live/mix~cam1","name":"mix~cam1","type":"rtc-play","publish":false,"alive":8.08},
  {"id":"5og73n8f","vhost":"vid-2859v1g","url":"/live/cam1","name":"cam1","type":"rtc-publish","publish":true,"alive":12.13},
  {"id":"flv00001","url":"/live/cam1","name":"cam1","type":"flv-play","publish":false},
  {"id":"rtmp0001","url":"/show/stage","name":"stage","type":"fmle-publish","publish":true}]})";

TEST(SrsDirectory, ClientsBecomeTheHooksThatWereMissed) {
  const auto hooks = parse_srs_clients(kClients);
  ASSERT_TRUE(hooks);
  ASSERT_EQ(hooks->size(), 3u);
  const auto& cam = (*hooks)[0];
  EXPECT_EQ(cam.action, SrsHook::Action::publish);
  EXPECT_EQ(cam.room, "live");
  EXPECT_EQ(cam.stream, "cam1");
  EXPECT_EQ(cam.client, "5og73n8f");
  EXPECT_EQ(cam.server, "vid-51ydd96");
  EXPECT_EQ(cam.service, "0h47wy79");
  EXPECT_EQ((*hooks)[1].stream, "stage");
  EXPECT_EQ((*hooks)[2].action, SrsHook::Action::play) << "publishers come first";
  EXPECT_EQ((*hooks)[2].stream, "mix~cam1");
}

TEST(SrsDirectory, OddEntriesAreLeftOut) {
  const auto hooks = parse_srs_clients(R"({"clients":[1,null,{},{"id":"a","publish":true,"url":"/"},
    {"id":"b","publish":true,"url":"//x"},{"id":"c","publish":true,"url":"live/x"},{"publish":true,"url":"/live/x"},
    {"id":"d","publish":"yes","url":"/live/x"},{"id":"e","publish":true,"url":"/live/"}]})");
  ASSERT_TRUE(hooks);
  EXPECT_TRUE(hooks->empty());
}

TEST(SrsDirectory, SomethingElseIsNotSrs) {
  EXPECT_FALSE(parse_srs_clients("<html>"));
  EXPECT_FALSE(parse_srs_clients("[]"));
  EXPECT_FALSE(parse_srs_clients(R"({"code":0})"));
}

}  // namespace
}  // namespace partyline::gateway
