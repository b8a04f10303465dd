#include "gateway/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "tests/support/paths.hpp"

namespace partyline::gateway {
namespace {

std::string sample_text() {
  std::ifstream file(test::source_dir() + "/conf/partyline.toml");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(Config, TheSampleFileListsEveryKeyAndNothingElse) {
  std::set<std::string> listed;
  std::istringstream lines(sample_text());
  std::string line, table;
  const std::regex head(R"(^\[(\w+)\])"), key(R"(^(\w+) *=)");
  std::smatch match;
  while (std::getline(lines, line)) {
    if (std::regex_search(line, match, head))
      table = match[1];
    else if (std::regex_search(line, match, key))
      listed.insert(table + "." + match[1].str());
  }
  const auto known = known_config_keys();
  EXPECT_EQ(listed, std::set<std::string>(known.begin(), known.end()));
}

TEST(Config, TheSampleFileHoldsTheDefaults) {
  const auto parsed = parse_config(sample_text());
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Config defaults;
  EXPECT_EQ(parsed->http.port, defaults.http.port);
  EXPECT_EQ(parsed->sip.port, defaults.sip.port);
  EXPECT_EQ(parsed->sip.rtp_first_port, defaults.sip.rtp_first_port);
  EXPECT_EQ(parsed->sip.rtp_last_port, defaults.sip.rtp_last_port);
  EXPECT_EQ(parsed->sip.rtp_timeout_seconds, defaults.sip.rtp_timeout_seconds);
  EXPECT_EQ(parsed->sip.max_calls, defaults.sip.max_calls);
  EXPECT_EQ(parsed->webrtc.port, defaults.webrtc.port);
  EXPECT_EQ(parsed->sfu.embedded, defaults.sfu.embedded);
  EXPECT_EQ(parsed->sfu.verify_tls, defaults.sfu.verify_tls);
  EXPECT_EQ(parsed->hooks.allowed_addresses, defaults.hooks.allowed_addresses);
  EXPECT_EQ(parsed->rooms.create_on_demand, defaults.rooms.create_on_demand);
  EXPECT_EQ(parsed->rooms.max_rooms, defaults.rooms.max_rooms);
  EXPECT_EQ(parsed->rooms.max_legs, defaults.rooms.max_legs);
  EXPECT_EQ(parsed->rooms.width, defaults.rooms.width);
  EXPECT_EQ(parsed->rooms.height, defaults.rooms.height);
  EXPECT_EQ(parsed->rooms.frames_per_second, defaults.rooms.frames_per_second);
  EXPECT_EQ(parsed->rooms.video_kbps, defaults.rooms.video_kbps);
  EXPECT_EQ(parsed->rooms.audio_kbps, defaults.rooms.audio_kbps);
  EXPECT_EQ(parsed->rooms.layout, defaults.rooms.layout);
  EXPECT_EQ(parsed->rooms.push_mix, defaults.rooms.push_mix);
  EXPECT_EQ(parsed->rooms.fade_ms, defaults.rooms.fade_ms);
  EXPECT_EQ(parsed->rooms.self_view, defaults.rooms.self_view);
  EXPECT_EQ(parsed->rooms.dtmf, defaults.rooms.dtmf);
  EXPECT_EQ(parsed->mixer.threads, defaults.mixer.threads);
  EXPECT_EQ(parsed->log.level, defaults.log.level);
}

TEST(Config, IceServersAreUrlsOrTables) {
  const auto parsed = parse_config(
      "[webrtc]\nice_servers = [\"stun:s.example\", {url = \"turn:t.example?transport=tcp\", username = \"u\", "
      "credential = \"c\"}]\n[sfu]\nice_servers = [{url = \"turn:t.example\", secret = \"x\"}]\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const std::vector<rtp::IceServer> expected{{"stun:s.example", "", ""}, {"turn:t.example?transport=tcp", "u", "c"}};
  EXPECT_EQ(parsed->webrtc.ice_servers, expected);
  EXPECT_EQ(parsed->sfu.ice_servers, (std::vector<rtp::IceServer>{{"turn:t.example", "", "", "x"}}));
}

// They are compared with what the sockets say.
TEST(Config, AddressesAreKeptAsSocketsWriteThem) {
  const auto parsed = parse_config(
      "[sip]\ntrusted_sources = [\"2001:DB8::0:1\", \"::ffff:192.0.2.1\"]\n"
      "[hooks]\nallowed_addresses = [\"0:0::1\"]\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->sip.trusted_sources, (std::vector<std::string>{"2001:db8::1", "192.0.2.1"}));
  EXPECT_EQ(parsed->hooks.allowed_addresses, std::vector<std::string>{"::1"});
}

struct BadConfig {
  const char* text;
  const char* message;
};

TEST(Config, AnErrorNamesLineAndColumnAndWhatToDo) {
  const BadConfig cases[] = {
      {"[http]\nprot = 80\n", "line 2, column 1: unknown key 'prot' in [http]; did you mean 'port'?"},
      {"[http]\nport = \"80\"\n", "line 2, column 8: 'port' must be a whole number from 0 to 65535"},
      {"[http]\ntrusted_proxies = [\"proxy\"]\n",
       "line 2, column 19: 'trusted_proxies': 'proxy' is no address or network such as 10.0.0.0/8"},
      {"[http]\nport = 99999\n", "line 2, column 8: 'port' must be a whole number from 0 to 65535"},
      {"[htp]\n", "line 1, column 2: unknown table [htp]; did you mean 'http'?"},
      {"[log]\nlevel = \"loud\"\n", "line 2, column 9: 'level' must be one of: debug, error, info, warn"},
      {"[rooms]\nwidth = 1281\n", "[rooms] width and height must be even"},
      {"[sfu]\nembedded = false\n", "[sfu] embedded = false needs whip_url and whep_url"},
      {"[webrtc]\nice_servers = \"stun:a\"\n", "line 2, column 15: 'ice_servers' must be a list of URLs or tables"},
      {"[webrtc]\nice_servers = [\"turn:a\"]\n",
       "line 2, column 16: a TURN server needs username and credential, or secret"},
      {"[webrtc]\nice_servers = [\"http://a\"]\n",
       "line 2, column 16: an ICE server's url is \"stun:HOST:PORT\" or \"turn:HOST:PORT?transport=udp\" (or tcp)"},
      {"[sfu]\nice_servers = [{url = \"turn:a\", pasword = \"x\"}]\n",
       "line 2, column 33: unknown key 'pasword': an ICE server has url, username, credential and secret"},
      {"[sfu]\nice_servers = [{url = \"turn:a\", username = \"u\", credential = \"x\", secret = \"s\"}]\n",
       "line 2, column 16: a TURN server has a credential or a secret, not both"},
      {"[sip]\ntrusted_sources = [\"192.0.2.1\", \"trunk.example\"]\n",
       "line 2, column 33: 'trusted_sources' must hold numeric addresses only"},
      {"[hooks]\nallowed_addresses = [\"192.0.2.0/24\"]\n",
       "line 2, column 22: 'allowed_addresses' must hold numeric addresses only"},
      {"[[room]]\nname = \"a b\"\n", "line 2, column 8: 'name': a name has 1 to 64 characters of A-Z a-z 0-9 . _ ~ -"},
      {"[[room]]\noutput = []\n", "line 2, column 1: unknown key 'output' in [[room]]; did you mean 'outputs'?"},
  };
  for (const auto& bad : cases) {
    const auto parsed = parse_config(bad.text);
    ASSERT_FALSE(parsed) << bad.text;
    EXPECT_EQ(parsed.error().message, bad.message);
  }
}

TEST(Config, RoomsOfTheirOwnKeepTheirOutputs) {
  const auto parsed = parse_config("[[room]]\nname = \"studio\"\noutputs = [\"rtmp://127.0.0.1/live/a\"]\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->static_rooms.size(), 1u);
  EXPECT_EQ(parsed->static_rooms[0].name, "studio");
  EXPECT_EQ(parsed->static_rooms[0].outputs, std::vector<std::string>{"rtmp://127.0.0.1/live/a"});
}

}  // namespace
}  // namespace partyline::gateway
