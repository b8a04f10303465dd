#include "gateway/outputs/output_url.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace partyline::gateway {
namespace {

struct UrlCase {
  std::string url;
  std::string muxer;  // empty: refused
  core::ErrorCode code = core::ErrorCode::internal;
};

TEST(OutputUrl, only_known_schemes_that_call_are_taken) {
  const std::vector<UrlCase> table{
      {"rtmp://live.example.com/app/key", "flv"},
      {"rtmps://live.example.com:443/app/key?token=a%20b&x=1", "flv"},
      {"rtmp://[::1]:1935/live/a", "flv"},
      {"srt://127.0.0.1:9000?streamid=publish:x&mode=caller", "mpegts"},
      {"file:talk.mp4", "mp4"},
      {"file:sub/talk.mkv", "matroska"},
      {"file:talk.flv", "flv"},
      {"", "", core::ErrorCode::invalid},
      {"hello", "", core::ErrorCode::invalid},
      {"rtmp://host/app/a key", "", core::ErrorCode::invalid},
      {"rtmp://host/app/key\r\nx", "", core::ErrorCode::invalid},
      {"rtmp:///app/key", "", core::ErrorCode::invalid},
      {"rtmp://host", "", core::ErrorCode::invalid},
      {"rtmp://host:0/app/key", "", core::ErrorCode::invalid},
      {"srt://host", "", core::ErrorCode::invalid},
      {"srt://0.0.0.0:9000?mode=listener", "", core::ErrorCode::forbidden},
      {"srt://0.0.0.0:9000#?mode=listener", "", core::ErrorCode::invalid},
      {"rtmp://host/app/key?listen=1", "", core::ErrorCode::forbidden},
      {"http://host/app", "", core::ErrorCode::unsupported},
      {"concat:a|b", "", core::ErrorCode::invalid},
      {"subfile:,,x", "", core::ErrorCode::unsupported},
      {"file:talk.sh", "", core::ErrorCode::unsupported},
      {"file:../talk.mp4", "", core::ErrorCode::forbidden},
      {"file:/etc/talk.mp4", "", core::ErrorCode::forbidden},
      {"file:%2e%2e/talk.mp4", "", core::ErrorCode::forbidden},
      {"rtmp://host/app/" + std::string(3000, 'x'), "", core::ErrorCode::invalid},
  };
  for (const UrlCase& each : table) {
    const auto target = parse_output_url(each.url, "/tmp/partyline-recordings");
    ASSERT_EQ(target.has_value(), !each.muxer.empty()) << each.url;
    if (target) {
      EXPECT_EQ(target->muxer, each.muxer);
    } else {
      EXPECT_EQ(target.error().code, each.code) << each.url << ": " << target.error().message;
    }
  }
}

TEST(OutputUrl, files_need_a_configured_directory) {
  EXPECT_FALSE(parse_output_url("file:talk.mp4", ""));
  const auto target = parse_output_url("file:talk.mp4", "/tmp/partyline-recordings/");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->url, "/tmp/partyline-recordings/talk.mp4");
}

TEST(OutputUrl, secrets_are_not_shown) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"rtmp://host/app/key", "rtmp://host/app/***"},
      {"rtmp://user:pass@host:1935/app/key?x=y", "rtmp://***@host:1935/app/***"},
      {"rtmp://host/app?key", "rtmp://host/app?***"},
      {"rtmp://host/app", "rtmp://host/app"},
      {"srt://host:9000?streamid=secret", "srt://host:9000?***"},
      {"rtmp://host", "rtmp://host"},
      {"rubbish", "***"},
      {"file:talk.mp4", "file:talk.mp4"},
  };
  for (const auto& [url, shown] : table) EXPECT_EQ(redact_url(url), shown);
}

TEST(OutputUrl, a_recording_is_never_overwritten) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "partyline-free-name";
  std::filesystem::create_directories(folder);
  const std::string name = (folder / "talk.mp4").string();
  std::filesystem::remove(name);
  EXPECT_EQ(claim_file(name).value(), name);
  EXPECT_EQ(claim_file(name).value(), (folder / "talk-2.mp4").string()) << "nothing is in the first one yet";
  std::ofstream(name) << "something";
  EXPECT_EQ(claim_file(name).value(), (folder / "talk-3.mp4").string());
  EXPECT_EQ(std::filesystem::file_size(name), 9u);
  std::filesystem::remove_all(folder);
  const auto nowhere = claim_file(name);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().message, "No such file or directory");
}

}  // namespace
}  // namespace partyline::gateway
