// IceRemotes: the addresses and TCP connections of one ICE-lite session's peer that passed a check, and the one we send
// to.
//
//   first valid check ─▶ selected      USE-CANDIDATE ─▶ selected      selected silent for kMoved + another check ─▶ it
//
// Any nomination wins over an earlier one: a controlling agent with regular nomination names one pair, and again
// when its network changes. At most kMax addresses are kept; the longest unheard unselected one gives way.
// Thread: pure logic, `now` is a parameter.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "rtp/transport/datagram_socket.hpp"

namespace partyline::rtp {

/// Who packets come from: a UDP address, or one TCP connection (an address may be in use by both).
struct IceRemoteKey {
  using Endpoint = boost::asio::ip::udp::endpoint;

  IceRemoteKey(const Endpoint& where, uint64_t tcp_connection = 0) : endpoint(where), connection(tcp_connection) {}
  bool operator==(const IceRemoteKey&) const = default;

  Endpoint endpoint;
  uint64_t connection;  ///< 0: UDP
};

class IceRemotes {
 public:
  using Endpoint = IceRemoteKey::Endpoint;
  static constexpr size_t kMax = 8;
  static constexpr core::Duration kMoved = std::chrono::seconds(3);

  struct Remote {
    IceRemoteKey key;
    LocalAddress local;  ///< UDP: where its checks come to, and so where our packets come from
    core::TimePoint heard;
  };
  struct Change {
    bool added = false;
    bool selected = false;                ///< we send somewhere else now
    std::optional<IceRemoteKey> evicted;  ///< no longer believed
  };

  /// A check with correct integrity came.
  Change check(const IceRemoteKey& from, const LocalAddress& local, bool use_candidate, core::TimePoint now);
  /// An authenticated packet of another kind came.
  void heard(const IceRemoteKey& from, core::TimePoint now);
  /// The address belongs to somebody else now, or the connection is closed.
  void remove(const IceRemoteKey& key);

  const Remote* selected() const { return selected_ < remotes_.size() ? &remotes_[selected_] : nullptr; }
  const std::vector<Remote>& all() const { return remotes_; }

 private:
  std::optional<IceRemoteKey> make_room();

  std::vector<Remote> remotes_;
  size_t selected_ = SIZE_MAX;
};

}  // namespace partyline::rtp
