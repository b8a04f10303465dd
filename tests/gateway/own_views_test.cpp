#include "gateway/own_views.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

mixer::VideoRendition picture(int width, core::Codec codec = core::Codec::h264) {
  return {codec, {width, width * 9 / 16}, 30, core::Bitrate::kbps(2000), 0, 0};
}

Receiver wants(uint64_t member, int width = 1280) {
  return {picture(width), member};
}
const Receiver kAll{picture(1280), 0}, kSmaller{picture(640), 0}, kVp8{picture(1280, core::Codec::vp8), 0};

struct Case {
  const char* what;
  std::vector<Receiver> receivers;
  std::vector<bool> own;
};

TEST(OwnViews, there_are_three_renditions_at_most) {
  for (const Case& one : std::vector<Case>{
           {"nobody", {}, {}},
           {"nobody wants one", {kAll, kAll}, {false, false}},
           {"the only one who wants one", {kAll, wants(2), kAll}, {false, true, false}},
           {"two beside everybody's", {wants(1), kAll, wants(3)}, {true, false, true}},
           {"three who are alone", {wants(1), wants(2), wants(3)}, {true, true, true}},
           {"the fourth takes one away", {wants(1), wants(2), wants(3), wants(4)}, {true, true, false, false}},
           {"a smaller picture is needed", {wants(1), kAll, wants(3), kSmaller}, {true, false, false, false}},
           {"three are there already", {wants(1), kAll, kVp8, kSmaller}, {false, false, false, false}},
           {"the only one of its size", {wants(1, 854), kAll, kVp8}, {true, false, false}},
           {"more than three are there",
            {wants(1), kAll, kVp8, kSmaller, {picture(426), 0}},
            {false, false, false, false, false}},
       })
    EXPECT_EQ(allot_views(one.receivers), one.own) << one.what;
}

}  // namespace
}  // namespace partyline::gateway
