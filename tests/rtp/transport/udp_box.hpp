// A box between a client and a server on 127.0.0.1, as a NAT or firewall would be: it hands UDP packets on, each client
// address from a port of its own, unless the test says otherwise. Thread: the test's.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <span>

namespace partyline::rtp::test {

class UdpBox {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;

  UdpBox(boost::asio::io_context& io, uint16_t server_port)
      : io_(io), front_(io, {kHome, 0}), server_(kHome, server_port) {
    listen(front_, [this](const Endpoint& from, std::span<const uint8_t> packet) { from_client(from, packet); });
  }
  ~UdpBox() { *alive_ = false; }

  /// As an ICE candidate.
  std::string candidate() const {
    return "1 1 udp 2130706431 127.0.0.1 " + std::to_string(front_.local_endpoint().port()) + " typ host";
  }
  /// How many client addresses there have been.
  size_t clients() const { return clients_.size(); }
  /// Whether a packet of the client `number` (0, 1, … in the order of their first packets) gets through.
  std::function<bool(size_t number, bool to_server, std::span<const uint8_t> packet)> passes =
      [](size_t, bool, std::span<const uint8_t>) { return true; };

 private:
  struct Client {
    size_t number;
    Endpoint address;
    boost::asio::ip::udp::socket back;
  };
  template <class Handler>
  void listen(boost::asio::ip::udp::socket& socket, Handler handler) {
    auto bytes = std::make_shared<std::array<uint8_t, 2048>>();
    auto from = std::make_shared<Endpoint>();
    socket.async_receive_from(boost::asio::buffer(*bytes), *from,
                              [this, &socket, handler, bytes, from, alive = alive_](auto error, size_t size) {
                                if (error == boost::asio::error::operation_aborted || !*alive) return;
                                if (!error) handler(*from, std::span<const uint8_t>(bytes->data(), size));
                                listen(socket, handler);
                              });
  }

  void from_client(const Endpoint& from, std::span<const uint8_t> packet) {
    auto& client = clients_[from];
    if (!client) {
      client.reset(new Client{clients_.size() - 1, from, {io_, Endpoint{kHome, 0}}});
      listen(client->back, [this, &to = *client](const Endpoint&, std::span<const uint8_t> reply) {
        if (passes(to.number, false, reply)) send(front_, reply, to.address);
      });
    }
    if (passes(client->number, true, packet)) send(client->back, packet, server_);
  }

  static void send(boost::asio::ip::udp::socket& socket, std::span<const uint8_t> packet, const Endpoint& to) {
    boost::system::error_code ignored;
    socket.send_to(boost::asio::buffer(packet.data(), packet.size()), to, 0, ignored);
  }

  inline static const boost::asio::ip::address kHome = boost::asio::ip::make_address("127.0.0.1");
  boost::asio::io_context& io_;
  boost::asio::ip::udp::socket front_;
  const Endpoint server_;
  std::map<Endpoint, std::unique_ptr<Client>> clients_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace partyline::rtp::test
