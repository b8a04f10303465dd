// TcpGuard: bounds what strangers' TCP connections to the SIP port cost. Sofia-SIP accepts every connection, keeps it
// until the peer closes it, and shows none to its user. So this looks for them among the process's descriptors and
// shuts down what is too much; Sofia reads the end of the stream and closes the rest.
//
//   no byte came since `silence`                          ended
//   more than `per_source` of one IPv4 address or /64     the newest ended (not those of trusted sources)
//   more than `all`                                       the newest ended
//
// Thread: the SIP thread, which alone closes these descriptors: what is found does not change its meaning meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "core/time.hpp"

namespace partyline::sip {

class TcpGuard {
 public:
  struct Limits {
    size_t all = 4000, per_source = 500;  ///< connections
    core::Duration silence = std::chrono::seconds(10);
  };
  /// `port`: the local one of the connections.
  TcpGuard(uint16_t port, Limits limits, std::vector<std::string> trusted_sources);
  /// Costs a system call a descriptor; every kEvery is enough.
  void check(core::TimePoint now);
  static constexpr core::Duration kEvery = std::chrono::seconds(2);

 private:
  struct Seen {
    std::string peer;  ///< address and port: a descriptor's number is used again
    core::TimePoint since;
    uint64_t order = 0;
  };
  static uint64_t bytes_received(int descriptor);
  void end(int descriptor, core::Counter& reason, const std::string& peer, core::TimePoint now);

  uint16_t port_;
  Limits limits_;
  std::vector<std::string> trusted_;
  std::map<int, Seen> seen_;  ///< by descriptor
  uint64_t accepted_ = 0;
  bool kernel_tells_ = false;  ///< how much was received: has been seen to
  core::LogLimit log_limit_;
  core::Counter &silent_, &source_, &all_;
};

}  // namespace partyline::sip
