// The load: packets encoded beforehand, sent for all callers from one socket, and a check of what comes back. And the
// floor: the same packets received and sent by a loop that does nothing else.
//
// Thread: play() on its caller's, serve_floor() in a process of its own.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cstring>
#include <span>

#include "tests/bench/sip_calls.hpp"

namespace partyline::bench {

struct Load {
  uint16_t port = 0;  // of the gateway, this caller's
  const Reel* reel = nullptr;
  core::Duration phase{};  // in 20 ms
};

struct Heard {
  uint64_t packets = 0, lost = 0;  // lost: by sequence numbers
};

inline void put_big_endian(uint8_t* to, uint32_t value, int bytes) {
  for (int i = bytes; i-- > 0; value >>= 8) to[i] = static_cast<uint8_t>(value);
}

class Generator {
 public:
  using OnPacket = std::function<void(size_t caller, std::span<const uint8_t> payload, core::TimePoint now)>;

  explicit Generator(core::Codec codec)
      : payload_type_(codec == core::Codec::opus ? 96 : 0), step_(codec == core::Codec::opus ? 960 : 160) {}
  uint16_t port() const { return socket_.port(); }

  /// Sends everybody's 20 ms packets for `length`; `sent` is told of each before it leaves.
  void play(const std::vector<Load>& loads, core::Duration length, const OnPacket& sent, const OnPacket& received) {
    core::TimePoint turn = core::Clock::now();
    for (const core::TimePoint end = turn + length; turn < end; turn += kSlice) {
      std::this_thread::sleep_until(turn);
      step(loads, turn, sent, received);
    }
  }
  /// What play() does every kSlice.
  void step(const std::vector<Load>& loads, core::TimePoint turn, const OnPacket& sent, const OnPacket& received) {
    if (callers_.size() != loads.size()) {
      callers_.assign(loads.size(), {});
      index_.assign(65536, -1);
      for (size_t i = 0; i < loads.size(); ++i) index_[loads[i].port] = static_cast<int>(i);
    }
    send_slice(loads, turn, sent);
    receive_all(received);
  }
  /// What came since the last call.
  std::vector<Heard> take() {
    std::vector<Heard> all;
    for (Caller& caller : callers_) all.push_back(std::exchange(caller.heard, {}));
    return all;
  }

  static constexpr core::Duration kSlice = 2500us;

 private:
  static constexpr size_t kBatch = 64, kBytes = 1500;
  struct Caller {
    Heard heard;
    int last = -1;
    uint16_t sequence = 0;
    uint32_t time = 0;
  };
  struct Batch {
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    std::array<sockaddr_in, kBatch> names{};
    std::array<std::array<uint8_t, kBytes>, kBatch> bytes;

    void set(size_t i, size_t size) {
      vectors[i] = {bytes[i].data(), size};
      headers[i].msg_hdr = {};
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_namelen = sizeof names[i];
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  };

  void send_slice(const std::vector<Load>& loads, core::TimePoint now, const OnPacket& sent) {
    const auto slice = slices_++ % (20ms / kSlice);
    size_t count = 0;
    const auto flush = [&] {
      size_t done = 0;
      while (done < count) {
        const int some = ::sendmmsg(socket_.fd(), out_.headers.data() + done, static_cast<unsigned>(count - done), 0);
        if (some <= 0) break;
        done += static_cast<size_t>(some);
      }
      count = 0;
    };
    for (size_t i = 0; i < loads.size(); ++i) {
      if (loads[i].phase / kSlice != slice) continue;
      Caller& caller = callers_[i];
      const auto& payload = (*loads[i].reel)[caller.sequence % loads[i].reel->size()].data;
      auto& bytes = out_.bytes[count];
      const uint32_t ssrc = static_cast<uint32_t>(i) + 1;
      bytes[0] = 0x80;
      bytes[1] = payload_type_;
      put_big_endian(&bytes[2], caller.sequence, 2);
      put_big_endian(&bytes[4], caller.time, 4);
      put_big_endian(&bytes[8], ssrc, 4);
      std::memcpy(&bytes[12], payload.data(), payload.size());
      out_.names[count] = loopback(loads[i].port);
      out_.set(count++, 12 + payload.size());
      if (sent) sent(i, payload, now);
      ++caller.sequence;
      caller.time += step_;
      if (count == kBatch) flush();
    }
    flush();
  }
  void receive_all(const OnPacket& received) {
    for (int count = kBatch; count == static_cast<int>(kBatch);) {
      for (size_t i = 0; i < kBatch; ++i) in_.set(i, kBytes);
      count = ::recvmmsg(socket_.fd(), in_.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
      const core::TimePoint now = core::Clock::now();
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<size_t>(i);
        const int from = index_[ntohs(in_.names[at].sin_port)];
        const auto& bytes = in_.bytes[at];
        if (from < 0 || in_.headers[at].msg_len < 13 || (bytes[1] & 0x7f) != payload_type_) continue;
        Caller& caller = callers_[static_cast<size_t>(from)];
        const int sequence = bytes[2] << 8 | bytes[3];
        if (caller.last >= 0) caller.heard.lost += static_cast<uint16_t>(sequence - caller.last - 1) & 0x7fffU;
        caller.last = sequence;
        ++caller.heard.packets;
        if (received) {
          received(static_cast<size_t>(from), {bytes.data() + 12, in_.headers[at].msg_len - 12}, now);
        }
      }
    }
  }
  UdpSocket socket_{4 << 20};
  uint8_t payload_type_;
  uint32_t step_;
  std::vector<Caller> callers_;
  std::vector<int> index_;
  int64_t slices_ = 0;
  Batch out_, in_;
};

/// Reads what comes on each socket and sends a packet of the same size on each every 20 ms, to `peer`. Never returns.
/// Woken twice within 2 ms it lets packets gather for 1 ms: a loop that does nothing catches up with the sender after
/// every other packet, and would pay for ten times the wake-ups of a program that has work to do in between.
[[noreturn]] inline void serve_floor(const std::vector<std::unique_ptr<UdpSocket>>& sockets, uint16_t peer,
                                     size_t size) {
  const int poll = ::epoll_create1(0), timer = ::timerfd_create(CLOCK_MONOTONIC, 0);
  for (size_t i = 0; i < sockets.size(); ++i) {
    epoll_event event{EPOLLIN, {.u64 = i}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i]->fd(), &event);
  }
  epoll_event event{EPOLLIN, {.u64 = UINT64_MAX}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
  const itimerspec every{{0, 20'000'000}, {0, 20'000'000}};
  ::timerfd_settime(timer, 0, &every, nullptr);
  std::array<uint8_t, 2048> in;
  std::vector<uint8_t> out(12 + size);
  out[0] = 0x80;
  sockaddr_in to = loopback(peer);
  std::array<epoll_event, 256> events;
  core::TimePoint woken;
  for (uint16_t sequence = 0;;) {
    const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    const core::TimePoint now = core::Clock::now();
    const bool busy = now - std::exchange(woken, now) < 2ms;
    for (int i = 0; i < ready; ++i) {
      const uint64_t who = events[static_cast<size_t>(i)].data.u64;
      if (who == UINT64_MAX) {
        uint64_t times = 0;
        if (::read(timer, &times, sizeof times) <= 0) continue;
        ++sequence;
        out[2] = static_cast<uint8_t>(sequence >> 8);
        out[3] = static_cast<uint8_t>(sequence);
        for (const auto& socket : sockets) {
          ::sendto(socket->fd(), out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
        }
        continue;
      }
      // One packet a call, as phones send them; what is left is told of again.
      sockaddr_in name{};
      socklen_t length = sizeof name;
      ::recvfrom(sockets[who]->fd(), in.data(), in.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&name), &length);
    }
    if (busy && ready < static_cast<int>(events.size())) std::this_thread::sleep_for(1ms);
  }
}

}  // namespace partyline::bench
