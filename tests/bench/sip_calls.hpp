// Just enough SIP over UDP to put a thousand callers into rooms: INVITE, 200, ACK; no retransmissions but the peer's.
//
// Thread: the benchmark's main thread. Wire: RFC 3261 §13, RFC 4566.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/sip_gateway.hpp"

namespace partyline::bench {

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A UDP socket of 127.0.0.1 on a port of the system's choice.
class UdpSocket {
 public:
  explicit UdpSocket(int buffer = 0) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
      ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::perror("bench: UDP socket");
      std::exit(1);
    }
    port_ = ntohs(address.sin_port);
  }
  ~UdpSocket() { ::close(fd_); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  int fd() const { return fd_; }
  uint16_t port() const { return port_; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

struct CallPlan {
  std::string room;
  core::Codec codec = core::Codec::pcmu;
  uint16_t video_media = 0;  // where the caller wants H.264; 0: no camera
};

/// Calls in one by one; returns the gateway's RTP port of each call. `media`: where all of them want their media.
class Caller {
 public:
  Caller(uint16_t gateway, uint16_t media) : gateway_(loopback(gateway)), media_(media) {}

  std::vector<uint16_t> call(const std::vector<CallPlan>& plans) {
    std::vector<uint16_t> ports;
    video_ports_.clear();
    for (const CallPlan& plan : plans) {
      const uint16_t port = invite(plan, ports.size());
      if (port == 0) {
        std::fprintf(stderr, "bench: call %zu to room %s was not answered: %.200s\n", ports.size(), plan.room.c_str(),
                     last_.c_str());
        std::exit(1);
      }
      ports.push_back(port);
    }
    return ports;
  }

  /// Of the last call(): the gateway's video ports.
  const std::vector<uint16_t>& video_ports() const { return video_ports_; }

 private:
  std::string head(const char* method, const CallPlan& plan, size_t number, const std::string& to_tag) const {
    return fmt::format(
        "{0} sip:{1}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{2};branch=z9hG4bK{0}{3}\r\nMax-Forwards: 70\r\n"
        "From: <sip:caller{3}@127.0.0.1>;tag=f{3}\r\nTo: <sip:{1}@127.0.0.1>{4}\r\nCall-ID: bench-{2}-{3}\r\n"
        "CSeq: 1 {0}\r\nContact: <sip:caller{3}@127.0.0.1:{2}>\r\n",
        method, plan.room, socket_.port(), number, to_tag);
  }
  void send(const std::string& text) {
    ::sendto(socket_.fd(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&gateway_), sizeof gateway_);
  }
  uint16_t invite(const CallPlan& plan, size_t number) {
    const char* const format = plan.codec == core::Codec::opus ? "96\r\na=rtpmap:96 opus/48000/2" : "0";
    std::string sdp = fmt::format(
        "v=0\r\no=- {0} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {1} RTP/AVP {2}\r\n",
        number, media_, format);
    if (plan.video_media != 0) {
      sdp += fmt::format(
          "m=video {} RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
          "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1\r\n",
          plan.video_media);
    }
    const std::string request = fmt::format("{}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
                                            head("INVITE", plan, number, ""), sdp.size(), sdp);
    const std::string id = fmt::format("Call-ID: bench-{}-{}\r", socket_.port(), number);
    for (int attempt = 0; attempt < 40; ++attempt) {  // 20 s: it may only be starting
      send(request);
      for (int wait = 0; wait < 20; ++wait) {
        if (!receive(500ms)) break;
        if (last_.find(id) == std::string::npos) continue;
        if (last_.rfind("SIP/2.0 1", 0) == 0) continue;
        if (last_.rfind("SIP/2.0 503", 0) == 0) break;  // too many at a time: once more
        const size_t media = last_.find("m=audio "), tag = last_.find(";tag=", last_.find("\r\nTo:"));
        if (last_.rfind("SIP/2.0 200", 0) != 0 || media == std::string::npos || tag == std::string::npos) return 0;
        send(head("ACK", plan, number, last_.substr(tag, last_.find('\r', tag) - tag)) + "Content-Length: 0\r\n\r\n");
        const size_t video = last_.find("m=video ");
        video_ports_.push_back(
            video == std::string::npos ? uint16_t{0} : static_cast<uint16_t>(std::atoi(last_.c_str() + video + 8)));
        return static_cast<uint16_t>(std::atoi(last_.c_str() + media + 8));
      }
    }
    return 0;
  }
  bool receive(core::Duration patience) {
    pollfd wanted{socket_.fd(), POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(patience / 1ms)) <= 0) return false;
    last_.resize(4096);
    const ssize_t size = ::recv(socket_.fd(), last_.data(), last_.size(), 0);
    last_.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return size > 0;
  }

  UdpSocket socket_;
  sockaddr_in gateway_;
  uint16_t media_;
  std::string last_;
  std::vector<uint16_t> video_ports_;
};

}  // namespace partyline::bench
