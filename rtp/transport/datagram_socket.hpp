// DatagramSocket: one non-blocking UDP socket, read in batches straight into core::Buffers and written through the
// native handle, in bursts where there is more than one packet to send. I/O only: it decides nothing.
//
// Bound to the wildcard, it tells the local address each packet came to and can send from that address (IP_PKTINFO),
// because ICE agents refuse answers that come from another address than the one they asked.
// Thread: the executor.
#pragma once

#include <sys/socket.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <memory>
#include <span>

#include "core/buffer.hpp"
#include "core/footprint.hpp"
#include "core/result.hpp"
#include "rtp/transport/socket_poller.hpp"

namespace partyline::rtp {

/// The local address of a packet; `size` 0: the kernel's choice.
struct LocalAddress {
  std::array<uint8_t, 16> bytes{};
  uint8_t size = 0;  ///< 4: IPv4, 16: IPv6
};

struct DatagramSocketOptions {
  size_t batch = 2;              ///< packets a system call; of one_of_many: at most 8
  size_t kernel_buffer = 0;      ///< bytes for each direction; 0: the system's default
  bool reply_from_local = true;  ///< learn local addresses when bound to the wildcard
  /// One of many sockets with little traffic each (see socket_poller.hpp): for executors of one thread only.
  bool one_of_many = false;
};

class DatagramSocket : public std::enable_shared_from_this<DatagramSocket>, private Readable {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;
  using Handler = std::function<void(core::Buffer packet, const Endpoint& from, const LocalAddress& local)>;
  /// What one datagram may be; longer ones are dropped and counted.
  static constexpr size_t kMaxDatagram = 2048;

  /// `conflict` when the port is taken, `io` otherwise.
  static core::Result<std::shared_ptr<DatagramSocket>> bind(boost::asio::any_io_executor executor,
                                                            const Endpoint& local, DatagramSocketOptions options);
  virtual ~DatagramSocket();

  Endpoint local() const { return local_; }
  /// The handler is called for each packet until close(); it may call close().
  void start(Handler handler);
  /// Never blocks; false (and counted) when the kernel did not take it.
  bool send(std::span<const uint8_t> packet, const Endpoint& to, const LocalAddress& from = {});
  /// What is sent in between leaves together, at the latest with end_burst(), in as few system calls as possible:
  /// packets of one size to one peer as one segmented datagram (UDP GSO), all others as one sendmmsg(). The burst of
  /// several callers ends with the last; while packets are being received one is always open. Then true from send()
  /// says only that the packet was taken.
  void begin_burst() { ++bursts_; }
  void end_burst();
  void close();
  /// Of a packet that is received, or sent.
  void add_footprint(core::Footprint& footprint) const { footprint.add_between(this, &local_); }
  /// Of all that its handler does with a packet; one_of_many only.
  void set_footprint(const core::Footprint& footprint);

 private:
  struct Batch;
  struct Burst;
  struct Made;
  DatagramSocket(boost::asio::any_io_executor executor, DatagramSocketOptions options);
  core::Result<> open(const Endpoint& local);
  void wait();
  void drain();
  void on_readable() override;
  Batch& batch();
  bool receive_batch();
  int receive(Batch& batch);
  bool queue(std::span<const uint8_t> packet, const Endpoint& to, const LocalAddress& from);
  void flush();
  void send_headers(unsigned count);
  void send_one_by_one(const msghdr& segmented);

  // What each packet needs lies side by side.
  Handler handler_;
  int descriptor_ = -1;
  int bursts_ = 0;
  bool closed_ = false;
  bool draining_ = false;
  bool tells_local_ = false;
  bool released_ = false;         // the descriptor is the poller's business, and ours to close
  bool segments_ = true;          // the kernel and the device cut datagrams for us
  std::unique_ptr<Burst> burst_;  // made with the first one
  DatagramSocketOptions options_;
  std::unique_ptr<Batch> batch_;  // one_of_many: all share one
  Endpoint local_;
  boost::asio::ip::udp::socket socket_;  // one_of_many: closed
};

}  // namespace partyline::rtp
