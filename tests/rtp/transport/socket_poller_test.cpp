// Many sockets behind one epoll, over loopback.
#include "rtp/transport/socket_poller.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "rtp/transport/datagram_socket.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;
using test::run_until;
const udp::endpoint kAnyPort(boost::asio::ip::make_address("127.0.0.1"), 0);

struct Crowd {
  explicit Crowd(size_t size) : got(size, 0) {
    for (size_t i = 0; i < size; ++i) {
      sockets.push_back(*DatagramSocket::bind(io.get_executor(), kAnyPort, {.one_of_many = true}));
    }
    sender = *DatagramSocket::bind(io.get_executor(), kAnyPort, {});
  }
  void start() {
    for (size_t i = 0; i < sockets.size(); ++i) {
      sockets[i]->start([this, i](core::Buffer, const udp::endpoint&, const LocalAddress&) {
        ++got[i];
        if (on_packet) on_packet(i);
      });
    }
  }
  void send_to_all() {
    const std::array<uint8_t, 3> packet{1, 2, 3};
    for (const udp::endpoint& to : ends) EXPECT_TRUE(sender->send(packet, to));
  }
  void remember_ends() {
    for (const auto& socket : sockets) ends.push_back(socket->local());
  }
  int total() const {
    int sum = 0;
    for (const int count : got) sum += count;
    return sum;
  }

  boost::asio::io_context io;
  std::vector<std::shared_ptr<DatagramSocket>> sockets;
  std::vector<udp::endpoint> ends;
  std::shared_ptr<DatagramSocket> sender;
  std::vector<int> got;
  std::function<void(size_t)> on_packet;
};

TEST(SocketPoller, HandsEachSocketItsPackets) {
  Crowd crowd(300);  // more than one epoll_wait tells
  crowd.start();
  crowd.remember_ends();
  for (int round = 0; round < 3; ++round) crowd.send_to_all();
  EXPECT_TRUE(run_until(crowd.io, [&] { return crowd.total() == 900; }));
  for (const int count : crowd.got) EXPECT_EQ(count, 3);
}

TEST(SocketPoller, LetsAHandlerCloseItsOwnSocketAndOthersWhosePacketsAreThere) {
  Crowd crowd(50);
  crowd.start();
  crowd.remember_ends();
  crowd.on_packet = [&](size_t) {
    for (const auto& socket : crowd.sockets) socket->close();
  };
  crowd.send_to_all();
  EXPECT_TRUE(run_until(crowd.io, [&] { return crowd.total() > 0; }));
  crowd.io.poll();
  EXPECT_EQ(crowd.total(), 1);
}

TEST(SocketPoller, ServesSocketsThatComeAfterAllOthersHaveGone) {
  Crowd crowd(2);
  crowd.start();
  crowd.sockets.clear();
  crowd.io.poll();
  crowd.sockets.push_back(*DatagramSocket::bind(crowd.io.get_executor(), kAnyPort, {.one_of_many = true}));
  crowd.start();
  crowd.remember_ends();
  crowd.send_to_all();
  EXPECT_TRUE(run_until(crowd.io, [&] { return crowd.total() == 1; }));
}

}  // namespace
}  // namespace partyline::rtp
