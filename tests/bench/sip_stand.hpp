// What the benchmarks of calls stand on: a gateway with a configuration of its own, and voices made beforehand.
//
// Thread: the benchmark's main thread.
#pragma once

#include <map>
#include <tuple>

#include "tests/bench/sip_calls.hpp"

namespace partyline::bench {

/// A gateway with a configuration of its own, ended with this.
struct Stand {
  Folder folder;
  GatewayPorts ports{UdpSocket().port(), UdpSocket().port()};  // free a moment ago
  std::unique_ptr<Child> gateway;

  explicit Stand(const std::string& more = {}) : gateway(start_gateway(folder.path, ports, more)) {}
};

/// For a gateway that mixes what it could pass on. Goes on in the section that the configuration ends with: [mixer].
inline constexpr const char* kNoPassThrough = "pass_through = false\n";

class Voices {
 public:
  const Reel& get(core::Codec codec, int seed, bool talking) {
    const auto key = std::tuple(codec, seed % 16, talking);
    const auto found = reels_.find(key);
    if (found != reels_.end()) return found->second;
    return reels_.emplace(key, make_voice_reel(codec, static_cast<unsigned>(seed % 16), talking)).first->second;
  }

 private:
  std::map<std::tuple<core::Codec, int, bool>, Reel> reels_;
};

}  // namespace partyline::bench
