#include "rtp/transport/ice_tcp_connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "core/counters.hpp"

namespace partyline::rtp {
namespace {

constexpr int kMaxReads = 16;  // before other work of the executor gets its turn

struct Drops {
  core::Counter& full = core::counter("partyline_ice_tcp_dropped_total", R"(reason="send_buffer_full")");
  core::Counter& too_long = core::counter("partyline_ice_tcp_dropped_total", R"(reason="too_long")");
  core::Counter& broken = core::counter("partyline_ice_tcp_dropped_total", R"(reason="broken_framing")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

IceTcpServer::Connection::Connection(IceTcpServer& server, boost::asio::ip::tcp::socket socket, ConnectionId number,
                                     const Endpoint& remote, core::TimePoint now)
    : id(number), from(remote), server_(&server), socket_(std::move(socket)), since_(now), progress_(now) {}

void IceTcpServer::Connection::start() {
  wait_readable();
}

void IceTcpServer::Connection::wait_readable() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
    if (self->server_ == nullptr) return;
    if (ec || !self->read()) {
      if (self->server_ != nullptr) self->server_->drop(self->id);
      return;
    }
    if (self->server_ != nullptr) self->wait_readable();
  });
}

bool IceTcpServer::Connection::read() {
  for (int i = 0; i < kMaxReads && server_ != nullptr; ++i) {
    const std::span<uint8_t> space = frames_.space();
    const ssize_t count = ::recv(socket_.native_handle(), space.data(), space.size(), MSG_DONTWAIT);
    if (count <= 0) return count < 0 && would_block();
    if (stage == Stage::released) continue;  // overwritten by the next
    frames_.filled(static_cast<size_t>(count));
    while (const auto frame = frames_.next()) {
      server_->handlers_.on_packet(core::Buffer::copy_of(*frame), id, from);
      if (server_ == nullptr) return true;
    }
    if (frames_.broken()) {
      drops().broken.add();
      return false;
    }
  }
  return true;
}

bool IceTcpServer::Connection::send(std::span<const uint8_t> packet, core::TimePoint now) {
  if (server_ == nullptr || stage == Stage::released) return false;
  if (packet.size() > StreamFrames::kMaxFrame) {
    drops().too_long.add();
    return false;
  }
  auto header = StreamFrames::header_of(packet);
  const size_t size = header.size() + packet.size();
  size_t taken = 0;
  if (pending_.empty()) {
    std::array<iovec, 2> parts{{{header.data(), header.size()}, {const_cast<uint8_t*>(packet.data()), packet.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    // An error shows again, and is acted upon, when the socket is read.
    taken = static_cast<size_t>(
        std::max<ssize_t>(0, ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL)));
    if (taken == size) return true;
    progress_ = now;
  } else if (pending_.size() - sent_ + size > kMaxPending) {
    drops().full.add();
    return false;
  }
  // Whole or not at all: from the first byte on, the rest of the frame must follow.
  const auto append = [&](std::span<const uint8_t> bytes) {
    const size_t skip = std::min(taken, bytes.size());
    taken -= skip;
    pending_.insert(pending_.end(), bytes.begin() + static_cast<ptrdiff_t>(skip), bytes.end());
  };
  append(header);
  append(packet);
  wait_writable();
  return true;
}

void IceTcpServer::Connection::wait_writable() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(socket_.wait_write, [self = shared_from_this()](const boost::system::error_code& ec) {
    self->writing_ = false;
    if (self->server_ == nullptr) return;
    if (ec || !self->flush(core::Clock::now())) return self->server_->drop(self->id);
    if (!self->pending_.empty()) return self->wait_writable();
    self->finish_if_drained();
  });
}

bool IceTcpServer::Connection::flush(core::TimePoint now) {
  const ssize_t count =
      ::send(socket_.native_handle(), pending_.data() + sent_, pending_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return would_block();
  progress_ = now;
  sent_ += static_cast<size_t>(count);
  if (sent_ == pending_.size()) {
    pending_.clear();
    sent_ = 0;
  } else if (sent_ >= kMaxPending / 2) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(sent_));
    sent_ = 0;
  }
  return true;
}

void IceTcpServer::Connection::release(core::TimePoint now) {
  if (server_ == nullptr || stage == Stage::released) return;
  stage = Stage::released;
  since_ = now;
  finish_if_drained();
}

// Closed at once, bytes of the peer that nobody has read would make the kernel throw away our last ones, too.
void IceTcpServer::Connection::finish_if_drained() {
  if (stage != Stage::released || !pending_.empty()) return;
  boost::system::error_code ignored;
  socket_.shutdown(socket_.shutdown_send, ignored);
}

void IceTcpServer::Connection::close() {
  if (std::exchange(server_, nullptr) == nullptr) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

bool IceTcpServer::Connection::overdue(core::TimePoint now) const {
  if (stage != Stage::proved && now - since_ >= kProofTimeout) return true;
  return !pending_.empty() && now - progress_ >= kStallTimeout;
}

}  // namespace partyline::rtp
