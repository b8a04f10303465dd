// IceLiteSession: one peer of the ICE-lite server, and the table of all of them. Included by rtp/transport only.
// Thread: the server's executor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rtp/transport/datagram_socket.hpp"
#include "rtp/transport/ice_lite_server.hpp"
#include "rtp/transport/ice_remotes.hpp"
#include "rtp/transport/ice_tcp_server.hpp"
#include "rtp/transport/secure_channel.hpp"

namespace partyline::rtp {

class IceLiteSession;

/// Who is who: sessions by our ufrag and by the remote addresses that passed a check. Holds no ownership: a session
/// leaves when it closes or is dropped.
class IceLiteTable {
 public:
  void add(const std::string& ufrag, IceLiteSession& session);
  void remove_ufrag(const std::string& ufrag);
  void remove(IceLiteSession& session);
  IceLiteSession* find(std::string_view ufrag) const;
  IceLiteSession* find(const IceRemoteKey& remote) const;
  /// Who sends as this session from now on, whatever it was before.
  void assign(const IceRemoteKey& remote, IceLiteSession& session);
  void release(const IceRemoteKey& remote);
  std::vector<IceLiteSession*> all() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    size_t operator()(const IceRemoteKey& key) const;
  };
  std::unordered_map<std::string, IceLiteSession*, Hash, std::equal_to<>> by_ufrag_;
  std::unordered_map<IceRemoteKey, IceLiteSession*, Hash> by_remote_;
};

/// What a session needs of its server, alive as long as either is.
struct IceLiteShared {
  IceLiteTable table;
  std::shared_ptr<DatagramSocket> socket;
  std::shared_ptr<IceTcpServer> tcp;  // null: UDP only
  std::vector<std::string> candidates;
  size_t sessions = 0;

  void send(std::span<const uint8_t> datagram, const IceRemotes::Remote& to);
  /// Packets of `remote` belong to no session from now on; a connection is closed.
  void forget(const IceRemoteKey& remote);
};

class IceLiteSession final : public IceLiteTransport,
                             public SecureChannelOwner,
                             public std::enable_shared_from_this<IceLiteSession> {
 public:
  IceLiteSession(boost::asio::any_io_executor executor, std::shared_ptr<IceLiteShared> shared,
                 std::shared_ptr<const DtlsIdentity> identity, SecurePeer peer, TransportEvents& events,
                 core::TimePoint now);
  ~IceLiteSession() override;

  // From the server.
  const std::string& ufrag() const { return local_.ufrag; }
  /// Null for a ufrag that is not, or no longer, the session's.
  const std::string* pwd_of(std::string_view ufrag) const;
  /// `ufrag`: ours, which the check was for.
  void on_check(std::string_view ufrag, const IceRemoteKey& from, const LocalAddress& local, bool use_candidate,
                core::TimePoint now);
  void receive(core::Buffer packet, const IceRemoteKey& from, core::TimePoint now);
  void lost_remote(const IceRemoteKey& remote) { remotes_.remove(remote); }
  /// Why it is to be given up, if it is.
  std::optional<core::Error> overdue(const IceLiteConfig& config, core::TimePoint now) const;
  void fail(const core::Error& why);
  const IceRemotes& remotes() const { return remotes_; }

  IceDescription local() const override;
  IceDescription restart() override;
  std::string remote_address() const override;
  void send_rtp(std::span<const uint8_t> packet) override;
  void send_rtcp(std::span<const uint8_t> packet) override;
  void close() override;

  void send_datagram(std::span<const uint8_t> datagram) override;
  void on_secure_connected() override;
  void on_secure_rtp(core::Buffer packet, core::TimePoint now) override;
  void on_secure_rtcp(core::Buffer packet, core::TimePoint now) override;
  void on_secure_closed(const core::Error& why) override;

 private:
  std::shared_ptr<IceLiteShared> shared_;
  TransportEvents* events_;  // null after close
  IceDescription local_;
  struct Credentials {
    std::string ufrag, pwd;
  };
  std::optional<Credentials> former_;  // after a restart, until a check with the new ones comes
  IceRemotes remotes_;
  SecureChannel channel_;
  const core::TimePoint created_;
  core::TimePoint heard_;    // last packet that was proved to be the peer's
  core::TimePoint checked_;  // last valid check: the peer's consent (RFC 7675 §5.1)
  bool connected_ = false;
};

}  // namespace partyline::rtp
