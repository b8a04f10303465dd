// The configuration: one struct, its defaults in the member initialisers, units in the types or names.
// conf/partyline.toml lists every key with its default; a test holds the two together.
//
// Thread: plain values, read once at start-up.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/ice_server.hpp"

namespace partyline::gateway {

/// What a `[[room]]` table says about one room beyond the defaults of `[rooms]`.
struct StaticRoom {
  std::string name;
  std::vector<std::string> outputs;  ///< live targets, started with the room's gateway and kept up
};

struct Config {
  struct Log {
    std::string level = "info";
    std::string format = "text";
  } log;

  struct Http {
    std::string address = "0.0.0.0";
    int port = 8080;
    std::string tls_certificate;               ///< PEM chain
    std::string tls_key;                       ///< PEM
    std::string web_root;                      ///< folder of the pages; empty: found beside the binary
    std::vector<std::string> trusted_proxies;  ///< addresses and networks
  } http;

  struct Api {
    std::string token;  ///< Bearer token; empty: the API answers this machine only
  } api;

  struct Sip {
    bool enabled = true;
    std::string address = "0.0.0.0";
    int port = 5060;
    std::string advertised_address;  ///< signalling and media; empty: the address the phone reached us at
    int rtp_first_port = 20000;
    int rtp_last_port = 29999;
    int rtp_timeout_seconds = 30;
    int requests_per_second_per_source = 20;                       ///< outside of calls; 0: any number
    std::vector<std::string> trusted_sources{"127.0.0.1", "::1"};  ///< addresses without that limit: trunks
    int max_calls = 2000;
  } sip;

  struct Webrtc {
    std::string address = "::";  ///< all addresses of both IP versions
    int port = 8000;
    bool tcp = true;  ///< also ICE over TCP, on the same port
    std::vector<std::string> advertised_addresses;
    std::vector<rtp::IceServer> ice_servers;  ///< what browsers are told to try
  } webrtc;

  struct Sfu {
    bool embedded = true;
    std::string whip_url;  ///< with {room} and {stream}; empty: the embedded SFU
    std::string whep_url;
    std::string api_url;  ///< SRS's HTTP API, …/api/v1: who was there before us; empty: not asked
    std::string token;    ///< Bearer token for both
    bool verify_tls = true;
    std::string ca_file;
    std::vector<rtp::IceServer> ice_servers;  ///< what we try on our way to another SFU
    bool ice_tcp = true;                      ///< TCP candidates, too, on that way
    std::string simulcast = "auto";           ///< pushes in several sizes: auto, on, off
    std::string publish_token;                ///< what is asked of publishers at our address; empty: open
    std::string play_token;                   ///< and of players
    std::vector<std::string> hook_urls;       ///< further receivers of the embedded SFU's hooks
  } sfu;

  struct Hooks {
    std::string token;                                               ///< expected as ?token=; empty: by address only
    std::vector<std::string> allowed_addresses{"127.0.0.1", "::1"};  ///< whose hooks are believed without a token
  } hooks;

  struct Recording {
    std::string directory;  ///< where file outputs go; empty: there are none
  } recording;

  struct PictureFile {
    std::string path;   ///< a PNG; empty: none
    std::string place;  ///< "line 3, column 8"
  };

  struct Rooms {
    bool create_on_demand = true;
    std::vector<std::string> forbidden;  ///< names, or prefixes that end in '*'
    std::vector<std::string> stereo;     ///< likewise: rooms for music
    int max_rooms = 100;
    int max_legs = 100;  ///< in one room
    int width = 1280;
    int height = 720;
    int frames_per_second = 30;
    int video_kbps = 2000;
    int audio_kbps = 64;
    std::string layout = "auto";  ///< "auto" or the name of a layout
    int fade_ms = 200;            ///< on a change of layout; 0: a cut
    PictureFile background, logo;
    std::map<std::string, std::string> dtmf;  ///< keys of a phone ("*1") → name of a layout; empty: none does anything
    bool self_view = true;  ///< false: phones see the room without themselves while that costs few renditions
    std::string layouts;    ///< folder of layouts; empty: those that came with the program
    bool push_mix = true;
  } rooms;

  /// Sound. "phones" are SIP legs; browsers do most of this themselves.
  struct Audio {
    bool common_loudness = true;
    bool noise_suppression = false;
    bool echo_guard = true;
    int comfort_noise_dbov = -70;  ///< -127: none
    std::string tones = "none";
  } audio;

  struct Mixer {
    int threads = 0;
    bool governor = true;      ///< under overload pictures suffer in a fixed order, and new rooms are refused
    bool pass_through = true;  ///< two parties with a common codec, a sole publisher: no decoding, no encoding
  } mixer;

  std::vector<StaticRoom> static_rooms;
};

/// Parses TOML. Errors name line and column ("line 3, column 5: unknown key 'prot' in [http]; did you mean 'port'?").
core::Result<Config> parse_config(const std::string& text);
core::Result<Config> load_config(const std::string& path);

/// "table.key" of every key that parse_config() understands, in the order of the sample file.
std::vector<std::string> known_config_keys();

}  // namespace partyline::gateway
