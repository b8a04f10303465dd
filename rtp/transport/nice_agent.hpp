// IceAgent: one libnice agent with one stream of one component, seen from the outside. I/O only.
//
// Thread: start(), set_remote(), close() and send() on the executor; they hop to the GLib thread (send() does not:
// libnice locks each agent). Events hop back. libnice may emit signals on whichever thread leaves its lock, so the
// handlers here touch nothing but the way to the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/buffer.hpp"
#include "core/mailbox.hpp"
#include "rtp/transport/glib_thread.hpp"
#include "rtp/transport/ice_candidate.hpp"
#include "rtp/transport/turn_tls_tunnel.hpp"

using NiceAgent = struct _NiceAgent;

namespace partyline::rtp {

struct IceAgentConfig {
  struct Relay {
    std::string address, username, credential;
    uint16_t port = 3478;
    bool tcp = false;
    /// TLS: `address` and `port` are its near end. Belongs to the executor; never goes to the agent.
    std::shared_ptr<TurnTlsTunnel> tunnel{};
  };
  std::vector<boost::asio::ip::address> local_addresses;
  std::string stun_address;  ///< empty: none
  uint16_t stun_port = 3478;
  std::vector<Relay> relays;
  bool tcp = false;
};

/// What libnice knows of itself after gathering.
struct IceAgentLocal {
  std::string ufrag, pwd;
  std::vector<std::string> candidates;  ///< as in IceDescription
};

enum class IceAgentState { working, connected, failed };

/// Called on the executor; never after close().
struct IceAgentEvents {
  std::function<void(IceAgentLocal)> on_gathered;
  std::function<void(IceAgentState)> on_state;
  std::function<void(std::string remote)> on_selected;  ///< "192.0.2.1:4711"
  std::function<void(core::Buffer&)> on_packet;
};

class IceAgent : public std::enable_shared_from_this<IceAgent> {
 public:
  /// `glib` must outlive the agent.
  static std::shared_ptr<IceAgent> create(boost::asio::any_io_executor executor, GlibThread& glib,
                                          IceAgentEvents events);
  ~IceAgent();

  /// Makes the agent and gathers; on_gathered comes when all candidates are there.
  void start(IceAgentConfig config);
  /// Does not wait for slow servers any longer: on_gathered comes with what there is.
  void stop_gathering();
  /// Also after gathering.
  void add_relays(std::vector<IceAgentConfig::Relay> relays);
  void set_remote(std::string ufrag, std::string pwd, std::vector<IceCandidate> candidates);
  /// After `failed`: the pair of before is in use again, as if its consent were new; or `failed` again at once, where
  /// it is no UDP or not to be told from others.
  void go_on();
  /// False (and counted) when libnice did not take it.
  bool send(std::span<const uint8_t> packet);
  void close();

 private:
  struct Callbacks;  // libnice's C side
  IceAgent(boost::asio::any_io_executor executor, GlibThread& glib);

  // On the GLib thread:
  void make_agent(const IceAgentConfig& config);
  void report_gathered();
  void take_relays(const std::vector<IceAgentConfig::Relay>& relays);
  void apply_remote(const std::string& ufrag, const std::string& pwd, const std::vector<IceCandidate>& candidates);
  void select_again();
  static void destroy(::NiceAgent* agent, unsigned stream, bool has_relays, GlibThread& glib);

  template <class F>
  void tell(F event);

  boost::asio::any_io_executor executor_;
  GlibThread& glib_;
  IceAgentEvents events_;  // executor only
  bool closed_ = false;    // executor only
  std::shared_ptr<core::Mailbox<core::Buffer>> packets_;
  // Written on the GLib thread before on_gathered is posted, read on the executor after it came.
  ::NiceAgent* agent_ = nullptr;
  unsigned stream_ = 0;
  bool reported_ = false;  // GLib thread only
  unsigned relays_ = 0;    // GLib thread only
};

}  // namespace partyline::rtp
