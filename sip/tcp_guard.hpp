// TcpGuard: bounds what strangers' TCP connections to the SIP port cost. Sofia-SIP accepts every connection, keeps it
// until the peer closes it, and shows none to its user. So this looks for them among the process's descriptors and
// shuts down what is too much; Sofia reads the end of the stream and closes the rest. Of connections of trusted sources
// it ends and counts none.
//
//   no byte ever came, since `silence`                            ended
//   three quarters of a limit are reached, no byte since `idle`   ended (a keep-alive of RFC 5626 is two or four bytes)
//   more than `per_source` of one IPv4 address or /64             the newest ended
//   more than `all`                                               those ended that have been without a byte longest
//
// So a stranger keeps a connection while he goes on sending, but no more than `per_source` of them; who has many
// addresses and sends on all his connections can still push out those that send less. Where the kernel does not tell
// what was received (before Linux 4.1), there is neither silence nor idleness, and the newest end.
//
// Thread: the SIP thread, which alone closes these descriptors: what is found does not change its meaning meanwhile.
#pragma once

#include <dirent.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "core/time.hpp"

namespace partyline::sip {

class TcpGuard {
 public:
  struct Limits {
    size_t all = 4000, per_source = 500;  ///< connections; `all` is at most half of the files the process may open
    core::Duration silence = std::chrono::seconds(10), idle = std::chrono::minutes(10);
  };
  /// `port`: the local one of the connections.
  TcpGuard(uint16_t port, Limits limits, std::vector<std::string> trusted_sources);
  /// Reads the list of descriptors, and asks some of them what they are; every kEvery is enough. A connection is seen
  /// at the next check, or a few later if its descriptor was another's at the one before.
  void check(core::TimePoint now);
  static constexpr core::Duration kEvery = std::chrono::seconds(2);

 private:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  struct Seen {
    std::string peer;  ///< address and port: a descriptor's number is used again
    core::TimePoint since;
    uint64_t order = 0;
    core::TimePoint heard{};            ///< when the last byte was noticed; at first `since`
    uint64_t received = 0;              ///< bytes
    boost::asio::ip::address source{};  ///< IPv4 address or /64
    bool trusted = false;
  };
  using Strangers = std::vector<std::pair<int, const Seen*>>;  ///< with their descriptors, by age

  std::vector<int> open_descriptors();
  void look(core::TimePoint now);
  void note(int descriptor, const Endpoint& peer, core::TimePoint now, std::map<int, Seen>& seen);
  void end_idle(Strangers& strangers, core::TimePoint now);
  void end_beyond(Strangers& strangers, core::TimePoint now);
  void end(int descriptor, core::Counter& reason, const std::string& peer, core::TimePoint now);

  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  uint16_t port_;
  Limits limits_;
  std::vector<std::string> trusted_;
  std::unique_ptr<DIR, Close> directory_;  ///< held open: when no file can be opened any more it is needed most
  std::map<int, Seen> seen_;               ///< by descriptor
  std::vector<uint8_t> foreign_;           ///< by descriptor: for how many checks it need not be asked what it is
  uint64_t accepted_ = 0;
  bool kernel_tells_ = false;  ///< how much was received: has been seen to
  core::LogLimit log_limit_;
  core::Counter &silent_, &idle_, &source_, &all_;
};

}  // namespace partyline::sip
