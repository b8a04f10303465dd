#include "rtp/transport/datagram_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/counters.hpp"
#include "rtp/transport/socket_poller.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;

constexpr int kMaxBatches = 8;  // before other work of the executor gets its turn

struct Drops {
  core::Counter& too_long = core::counter("partyline_udp_dropped_total", R"(reason="too_long")");
  core::Counter& send_full = core::counter("partyline_udp_dropped_total", R"(reason="send_buffer_full")");
  core::Counter& send_error = core::counter("partyline_udp_dropped_total", R"(reason="send_error")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

union Control {
  cmsghdr align;
  uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
};

LocalAddress local_address_of(msghdr& header) {
  LocalAddress local;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.size = 4;
      std::memcpy(local.bytes.data(), &info.ipi_addr, 4);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.size = 16;
      std::memcpy(local.bytes.data(), &info.ipi6_addr, 16);
    }
  }
  return local;
}

void put_source(msghdr& header, Control& control, const LocalAddress& from) {
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  if (from.size == 4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes.data(), 4);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    header.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.bytes.data(), 16);
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
    header.msg_controllen = CMSG_SPACE(sizeof info);
  }
}

}  // namespace

// What recvmmsg() fills. A buffer that was handed on is replaced before the next call.
struct DatagramSocket::Batch {
  explicit Batch(size_t size) : headers(size), vectors(size), names(size), controls(size), buffers(size) {}

  void prepare(bool control) {
    for (size_t i = 0; i < headers.size(); ++i) {
      if (!buffers[i]) buffers[i] = core::Buffer::allocate(kMaxDatagram);
      vectors[i] = {buffers[i].data(), kMaxDatagram};
      msghdr& header = headers[i].msg_hdr;
      header = {};
      header.msg_name = names[i].data();
      header.msg_namelen = static_cast<socklen_t>(names[i].capacity());
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      if (control) {
        header.msg_control = controls[i].bytes;
        header.msg_controllen = sizeof controls[i].bytes;
      }
    }
  }

  std::vector<mmsghdr> headers;
  std::vector<iovec> vectors;
  std::vector<udp::endpoint> names;
  std::vector<Control> controls;
  std::vector<core::Buffer> buffers;
};

DatagramSocket::DatagramSocket(boost::asio::any_io_executor executor, DatagramSocketOptions options)
    : socket_(executor), options_(options), batch_(std::make_unique<Batch>(options.batch)) {}

DatagramSocket::~DatagramSocket() {
  close();
}

core::Result<std::shared_ptr<DatagramSocket>> DatagramSocket::bind(boost::asio::any_io_executor executor,
                                                                   const Endpoint& local,
                                                                   DatagramSocketOptions options) {
  std::shared_ptr<DatagramSocket> socket(new DatagramSocket(std::move(executor), options));
  if (auto opened = socket->open(local); !opened) return opened.error();
  return socket;
}

core::Result<> DatagramSocket::open(const Endpoint& local) {
  boost::system::error_code ec;
  const auto failed = [&](const char* what) {
    const auto code = ec == boost::asio::error::address_in_use ? core::ErrorCode::conflict : core::ErrorCode::io;
    return core::make_error(code, std::string(what) + " " + local.address().to_string() + ":" +
                                      std::to_string(local.port()) + ": " + ec.message());
  };
  if (socket_.open(local.protocol(), ec); ec) return failed("cannot open a UDP socket for");
  if (socket_.non_blocking(true, ec); ec) return failed("cannot set up the UDP socket of");
  const int fd = descriptor_ = socket_.native_handle();
  const int on = 1;
  if (local.address().is_v6()) {
    const int off = 0;  // the IPv6 wildcard serves IPv4, too
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (local.address().is_unspecified() && options_.reply_from_local) {
    tells_local_ = local.address().is_v6() ? ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
                                           : ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
  }
  if (options_.kernel_buffer > 0) {
    // Best effort: the kernel caps both at its net.core.*mem_max.
    const int bytes = static_cast<int>(options_.kernel_buffer);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  if (socket_.bind(local, ec); ec) return failed("cannot bind UDP");
  local_ = socket_.local_endpoint(ec);
  if (ec) return failed("cannot ask for the port of");
  if (options_.one_of_many) {
    socket_.release(ec);
    released_ = !ec;
  }
  return {};
}

void DatagramSocket::start(Handler handler) {
  handler_ = std::move(handler);
  if (!released_) return wait();
  SocketPoller::of(socket_.get_executor()).add(socket_.get_executor(), descriptor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->closed_) self->drain();
  });
}

void DatagramSocket::wait() {
  socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
    if (ec || self->closed_) return;
    self->drain();
    if (!self->closed_) self->wait();
  });
}

void DatagramSocket::drain() {
  draining_ = true;
  for (int i = 0; i < kMaxBatches && !closed_; ++i) {
    if (!receive_batch()) break;
  }
  draining_ = false;
  if (closed_) handler_ = nullptr;
}

// True when there may be more.
bool DatagramSocket::receive_batch() {
  Batch& batch = *batch_;
  batch.prepare(tells_local_);
  const int count =
      ::recvmmsg(descriptor_, batch.headers.data(), static_cast<unsigned>(options_.batch), MSG_DONTWAIT, nullptr);
  // An error is either "nothing there" or an earlier send's ICMP answer, which the kernel has now told and forgotten.
  if (count < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF;
  for (int i = 0; i < count && !closed_; ++i) {
    mmsghdr& header = batch.headers[i];
    if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      drops().too_long.add();
      continue;
    }
    batch.names[i].resize(header.msg_hdr.msg_namelen);
    core::Buffer packet = std::move(batch.buffers[i]);
    packet.resize(header.msg_len);
    handler_(std::move(packet), batch.names[i], tells_local_ ? local_address_of(header.msg_hdr) : LocalAddress{});
  }
  return static_cast<size_t>(count) == options_.batch;
}

bool DatagramSocket::send(std::span<const uint8_t> packet, const Endpoint& to, const LocalAddress& from) {
  if (closed_) return false;
  iovec vector{const_cast<uint8_t*>(packet.data()), packet.size()};
  Control control{};
  msghdr header{};
  header.msg_name = const_cast<void*>(static_cast<const void*>(to.data()));
  header.msg_namelen = static_cast<socklen_t>(to.size());
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (tells_local_ && from.size != 0) put_source(header, control, from);
  if (::sendmsg(descriptor_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? drops().send_full : drops().send_error).add();
  return false;
}

void DatagramSocket::close() {
  if (std::exchange(closed_, true)) return;
  if (!draining_) handler_ = nullptr;  // lets go of its owner, but not from under its own call
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (released_) {
    SocketPoller::of(socket_.get_executor()).remove(descriptor_);
    ::close(descriptor_);
  }
}

}  // namespace partyline::rtp
