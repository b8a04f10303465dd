#include "rtp/transport/datagram_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/counters.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;

constexpr int kMaxBatches = 8;  // before other work of the executor gets its turn
constexpr size_t kSharedBatch = 8;

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
  uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
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

/// Appends a control message.
template <class T>
void put_control(msghdr& header, Control& control, int level, int type, const T& value) {
  const size_t before = header.msg_control == nullptr ? 0 : header.msg_controllen;
  auto* c = reinterpret_cast<cmsghdr*>(control.bytes + before);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(c), &value, sizeof value);
  header.msg_control = control.bytes;
  header.msg_controllen = before + CMSG_SPACE(sizeof value);
}

void put_source(msghdr& header, Control& control, const LocalAddress& from) {
  if (from.size == 4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes.data(), 4);
    put_control(header, control, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, from.bytes.data(), 16);
    put_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void count_failure(uint64_t packets) {
  (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? drops().send_full : drops().send_error).add(packets);
}

}  // namespace

// What recvmmsg() fills. A buffer that was handed on is replaced before the next call.
struct DatagramSocket::Batch {
  explicit Batch(size_t size) : headers(size), vectors(size), names(size), controls(size), buffers(size) {}

  void prepare(size_t count, bool control) {
    for (size_t i = 0; i < count; ++i) {
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

// What send() put aside for one sendmmsg().
struct DatagramSocket::Burst {
  static constexpr size_t kMost = 32;          // packets
  static constexpr size_t kMostBytes = 60000;  // of one segmented datagram; the kernel takes 64 packets, 65507 bytes

  /// Packets from `first` on that can leave as one datagram: one size, the last of them may be shorter.
  size_t run(size_t first, bool segment) const {
    const size_t size = vectors[first].iov_len;
    size_t end = first + 1, bytes = size;
    while (segment && end < count && vectors[end].iov_len <= size && vectors[end - 1].iov_len == size &&
           bytes + vectors[end].iov_len <= kMostBytes && peers[end] == peers[first] &&
           locals[end].size == locals[first].size && locals[end].bytes == locals[first].bytes) {
      bytes += vectors[end++].iov_len;
    }
    return end - first;
  }

  size_t count = 0;
  std::array<mmsghdr, kMost> headers;
  std::array<iovec, kMost> vectors;
  std::array<Control, kMost> controls;
  std::array<udp::endpoint, kMost> peers;
  std::array<LocalAddress, kMost> locals;
  std::array<core::Buffer, kMost> packets;
  std::array<uint8_t, kMost> runs;  ///< packets of each header
};

DatagramSocket::DatagramSocket(boost::asio::any_io_executor executor, DatagramSocketOptions options)
    : options_(options), socket_(executor) {
  if (options_.one_of_many) options_.batch = std::min(options_.batch, kSharedBatch);
}

struct DatagramSocket::Made final : DatagramSocket {
  Made(boost::asio::any_io_executor executor, DatagramSocketOptions options)
      : DatagramSocket(std::move(executor), options) {}
};

DatagramSocket::~DatagramSocket() {
  close();
}

core::Result<std::shared_ptr<DatagramSocket>> DatagramSocket::bind(boost::asio::any_io_executor executor,
                                                                   const Endpoint& local,
                                                                   DatagramSocketOptions options) {
  std::shared_ptr<DatagramSocket> socket = std::make_shared<Made>(std::move(executor), options);
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
  SocketPoller::of(socket_.get_executor()).add(socket_.get_executor(), descriptor_, *this);
}

void DatagramSocket::set_footprint(const core::Footprint& footprint) {
  if (released_ && !closed_) SocketPoller::of(socket_.get_executor()).set_footprint(descriptor_, footprint);
}

// One batch: the poller comes again for what is left, after all others.
void DatagramSocket::on_readable() {
  if (closed_) return;
  const auto self = shared_from_this();  // the handler may let go of us
  draining_ = true;
  begin_burst();
  receive_batch();
  end_burst();
  draining_ = false;
  if (closed_) handler_ = nullptr;
}

// What one packet after the other passes through stays in the caches; a batch for each of a thousand sockets would not.
DatagramSocket::Batch& DatagramSocket::batch() {
  if (released_) {
    thread_local Batch shared(kSharedBatch);
    return shared;
  }
  if (!batch_) batch_ = std::make_unique<Batch>(options_.batch);
  return *batch_;
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
    begin_burst();  // what is sent in answer, or on to others
    const bool more = receive_batch();
    end_burst();
    if (!more) break;
  }
  draining_ = false;
  if (closed_) handler_ = nullptr;
}

int DatagramSocket::receive(Batch& batch) {
  if (options_.batch > 1) {
    return ::recvmmsg(descriptor_, batch.headers.data(), static_cast<unsigned>(options_.batch), MSG_DONTWAIT, nullptr);
  }
  msghdr& header = batch.headers[0].msg_hdr;
  ssize_t size = 0;
  if (tells_local_) {
    size = ::recvmsg(descriptor_, &header, MSG_DONTWAIT);
  } else {
    size = ::recvfrom(descriptor_, header.msg_iov->iov_base, kMaxDatagram, MSG_DONTWAIT | MSG_TRUNC,
                      static_cast<sockaddr*>(header.msg_name), &header.msg_namelen);
    if (size > static_cast<ssize_t>(kMaxDatagram)) header.msg_flags |= MSG_TRUNC;
  }
  if (size < 0) return -1;
  batch.headers[0].msg_len = static_cast<unsigned>(size);
  return 1;
}

// True when there may be more.
bool DatagramSocket::receive_batch() {
  Batch& batch = this->batch();
  batch.prepare(options_.batch, tells_local_);
  const int count = receive(batch);
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
  if (bursts_ > 0 && packet.size() <= kMaxDatagram) return queue(packet, to, from);
  if (!tells_local_ || from.size == 0) {
    if (::sendto(descriptor_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.data(),
                 static_cast<socklen_t>(to.size())) >= 0) {
      return true;
    }
    count_failure(1);
    return false;
  }
  iovec vector{const_cast<uint8_t*>(packet.data()), packet.size()};
  Control control{};
  msghdr header{};
  header.msg_name = const_cast<void*>(static_cast<const void*>(to.data()));
  header.msg_namelen = static_cast<socklen_t>(to.size());
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  put_source(header, control, from);
  if (::sendmsg(descriptor_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  count_failure(1);
  return false;
}

bool DatagramSocket::queue(std::span<const uint8_t> packet, const Endpoint& to, const LocalAddress& from) {
  if (!burst_) burst_ = std::make_unique<Burst>();
  Burst& burst = *burst_;
  const size_t i = burst.count++;
  // The caller's bytes are his again when we return.
  burst.packets[i] = core::Buffer::copy_of(packet);
  burst.vectors[i] = {burst.packets[i].data(), packet.size()};
  burst.peers[i] = to;
  burst.locals[i] = tells_local_ ? from : LocalAddress{};
  if (burst.count == Burst::kMost) flush();
  return true;
}

void DatagramSocket::end_burst() {
  if (--bursts_ == 0 && burst_ && burst_->count > 0) flush();
}

void DatagramSocket::flush() {
  Burst& burst = *burst_;
  unsigned headers = 0;
  for (size_t i = 0; i < burst.count; i += burst.runs[headers++]) {
    const size_t run = burst.run(i, segments_);
    burst.runs[headers] = static_cast<uint8_t>(run);
    msghdr& header = burst.headers[headers].msg_hdr;
    header = {};
    header.msg_name = burst.peers[i].data();
    header.msg_namelen = static_cast<socklen_t>(burst.peers[i].size());
    header.msg_iov = &burst.vectors[i];
    header.msg_iovlen = run;
    if (burst.locals[i].size != 0) put_source(header, burst.controls[headers], burst.locals[i]);
    if (run > 1) {
      put_control(header, burst.controls[headers], IPPROTO_UDP, UDP_SEGMENT,
                  static_cast<uint16_t>(burst.vectors[i].iov_len));
    }
  }
  send_headers(headers);
  for (size_t i = 0; i < burst.count; ++i) burst.packets[i] = {};
  burst.count = 0;
}

void DatagramSocket::send_headers(unsigned count) {
  Burst& burst = *burst_;
  unsigned done = 0;
  while (done < count) {
    const int sent = ::sendmmsg(descriptor_, &burst.headers[done], count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<unsigned>(sent);
      continue;
    }
    if (burst.runs[done] > 1 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
      // A device without checksum offload, or a path MTU below the segments: not this way, now or later.
      segments_ = false;
      send_one_by_one(burst.headers[done].msg_hdr);
    } else {
      count_failure(burst.runs[done]);
    }
    ++done;
  }
}

/// The packets of a segmented datagram.
void DatagramSocket::send_one_by_one(const msghdr& segmented) {
  for (size_t i = 0; i < segmented.msg_iovlen; ++i) {
    msghdr header = segmented;
    header.msg_iov = segmented.msg_iov + i;
    header.msg_iovlen = 1;
    header.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));  // the segment size is the last of the control messages
    if (header.msg_controllen == 0) header.msg_control = nullptr;
    if (::sendmsg(descriptor_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) count_failure(1);
  }
}

void DatagramSocket::close() {
  if (std::exchange(closed_, true)) return;
  if (burst_ && burst_->count > 0) flush();
  if (!draining_) handler_ = nullptr;  // lets go of its owner, but not from under its own call
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (released_) {
    SocketPoller::of(socket_.get_executor()).remove(descriptor_);
    ::close(descriptor_);
  }
}

}  // namespace partyline::rtp
