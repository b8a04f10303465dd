// NameLookups: the addresses of host names, for whoever connects to them. getaddrinfo() blocks, for half a minute where
// no name server answers, and cannot be cancelled. So it runs on threads that come and go with the work, each name on
// one of them however many ask for it: a dead name holds up nobody but those who asked for it, and them until their
// deadline. A thread that still waits then is left behind and does not count as one of kMostAtOnce any more, so dead
// names take turns with others; only when kMostThreads hang at the same time do new names wait for one of them.
//
// Thread: any; a coroutine goes on where it was.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace partyline::core {

class NameLookups {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  /// Blocks; never an empty list.
  using Resolver = std::function<Result<Addresses>(const std::string& host)>;
  static constexpr size_t kMostAtOnce = 16, kMostWaiting = 256;  ///< names; beyond: `limit`
  static constexpr size_t kMostThreads = 64;                     ///< those left behind included
  static constexpr size_t kMostAskers = 512;                     ///< of one name; beyond: `limit`

  /// getaddrinfo(), for the whole process.
  static NameLookups& of_process();
  explicit NameLookups(Resolver resolver);

  /// `timeout` when there is no answer by `deadline`. A numeric address is its own answer.
  boost::asio::awaitable<Result<Addresses>> find(std::string host, TimePoint deadline);
  /// All at the same time: one answer each, in the order of `hosts`.
  boost::asio::awaitable<std::vector<Result<Addresses>>> find_all(std::vector<std::string> hosts, TimePoint deadline);

 private:
  struct Request;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace partyline::core
