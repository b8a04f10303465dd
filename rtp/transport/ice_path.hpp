// IcePath: one try to reach the peer: a libnice agent, what it gathered, and its tunnels to TURN servers. An ICE
// restart is a second path beside the first (RFC 8445 §9 lets the old one be used until the new one is found): with new
// sockets, for mostly it is the network that changed.
//
// Thread: the executor; the owner is called there, too, and not after close().
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "rtp/transport/nice_agent.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

class IcePath;

class IcePathOwner {
 public:
  virtual ~IcePathOwner() = default;
  virtual void on_path_state(const IcePath& path, IceAgentState state) = 0;
  virtual void on_path_selected(const IcePath& path) = 0;
  virtual void on_path_packet(core::Buffer packet) = 0;
};

class IcePath : public std::enable_shared_from_this<IcePath> {
 public:
  /// The owner is known weakly: events may be under way while the last one who knows it lets go. `glib` outlives the
  /// path.
  static std::shared_ptr<IcePath> create(boost::asio::any_io_executor executor, GlibThread& glib,
                                         std::weak_ptr<IcePathOwner> owner);
  ~IcePath() { close(); }

  /// Until all candidates are there, or those that are when `limit` is over.
  boost::asio::awaitable<core::Result<>> gather(IceAgentConfig config, core::Duration limit);
  void add_relays(std::vector<IceAgentConfig::Relay> relays);
  /// Starts the checks. `invalid` when there is nothing to check.
  core::Result<> set_remote(const IceDescription& remote);
  bool send(std::span<const uint8_t> packet) { return agent_->send(packet); }
  /// After `failed`: once more, as IceAgent::go_on().
  void go_on() { agent_->go_on(); }
  void close();

  const IceAgentLocal& local() const { return local_; }  ///< after gather()
  const std::string& remote_address() const { return remote_address_; }

 private:
  IcePath(boost::asio::any_io_executor executor, std::weak_ptr<IcePathOwner> owner);

  void make_agent(const boost::asio::any_io_executor& executor, GlibThread& glib);
  void keep_tunnels(std::vector<IceAgentConfig::Relay>& relays);
  void on_gathered(IceAgentLocal found);

  std::weak_ptr<IcePathOwner> owner_;
  boost::asio::steady_timer gathered_;
  std::shared_ptr<IceAgent> agent_;
  std::vector<std::shared_ptr<TurnTlsTunnel>> tunnels_;
  IceAgentLocal local_;
  std::string remote_address_;
  bool closed_ = false;
};

}  // namespace partyline::rtp
