// For the SIP tests: an application that records events, and a phone that speaks raw SIP text over UDP or TCP.
// Every wait ends with the condition or after kPatience.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/random.hpp"
#include "sip/user_agent.hpp"

namespace partyline::sip {

inline constexpr std::chrono::seconds kPatience{10};
inline const std::string kOffer =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
inline const std::string kAnswer =
    "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 50000 RTP/AVP 8\r\n";
inline const std::string kHoldOffer = kOffer + "a=sendonly\r\n";
inline const std::string kHoldAnswer = kAnswer + "a=recvonly\r\n";

struct Event {
  std::string what;
  CallId call = 0;
  std::string text{};  ///< SDP, reason or digit
  int status = 0;
  EndCause cause{};
};

/// Records everything; `on_event` (optional) runs on the executor and may command the agent.
class App : public SipEvents {
 public:
  explicit App(UserAgentConfig config = {}) : work_(boost::asio::make_work_guard(io_)) {
    config.listen_address = config.listen_address == "0.0.0.0" ? "127.0.0.1" : config.listen_address;
    if (config.port == 5060) config.port = 0;
    agent = std::make_unique<UserAgent>(config, io_.get_executor(), *this);
    commands_ = agent.get();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~App() override {
    agent.reset();
    work_.reset();
    io_.stop();
    thread_.join();
  }

  /// The next event of this kind that was not taken yet.
  std::optional<Event> take(const std::string& what, std::chrono::milliseconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    std::optional<Event> found;
    changed_.wait_for(lock, patience, [&] {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        if (it->what != what) continue;
        found = *it;
        events_.erase(it);
        return true;
      }
      return false;
    });
    return found;
  }
  size_t count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    size_t n = 0;
    for (const auto& event : events_) n += event.what == what;
    return n;
  }
  bool wait_count(const std::string& what, size_t wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] {
      size_t n = 0;
      for (const auto& event : events_) n += event.what == what;
      return n >= wanted;
    });
  }
  /// Answers every call at once.
  void auto_answer() { answer_all_ = true; }

  void on_incoming_call(const IncomingCall& call) override {
    {
      const std::lock_guard lock(mutex_);
      last_call = call;
    }
    if (answer_all_) commands_->answer(call.call, kAnswer);
    record({"incoming", call.call, call.sdp});
  }
  void on_established(CallId call, const std::string& sdp) override { record({"established", call, sdp}); }
  void on_offer(CallId call, const std::string& sdp) override { record({"offer", call, sdp}); }
  void on_progress(CallId call, int status, const std::string& sdp) override {
    record({"progress", call, sdp, status});
  }
  void on_answered(CallId call, const std::string& sdp) override { record({"answered", call, sdp}); }
  void on_ended(CallId call, EndCause cause, int status, const std::string& reason) override {
    record({"ended", call, reason, status, cause});
  }
  void on_info_digit(CallId call, char digit) override { record({"digit", call, std::string(1, digit)}); }
  void on_info_keyframe_request(CallId call) override { record({"keyframe", call, {}}); }

  std::unique_ptr<UserAgent> agent;
  IncomingCall last_call;

 private:
  void record(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  UserAgent* commands_ = nullptr;  // `agent` is null already while its destructor still says goodbye
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::atomic<bool> answer_all_{false};
};

inline std::string header_of(const std::string& message, const std::string& name) {
  const size_t at = message.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 4;
  return message.substr(begin, message.find("\r\n", begin) - begin);
}
inline std::string body_part(const std::string& message) {
  const size_t at = message.find("\r\n\r\n");
  return at == std::string::npos ? "" : message.substr(at + 4);
}
inline bool is_status(const std::string& message, int status) {
  return message.rfind("SIP/2.0 " + std::to_string(status), 0) == 0;
}

/// A phone that says exactly what the test wants.
class RawPhone {
 public:
  RawPhone(uint16_t server_port, bool tcp) : tcp_(tcp), server_port_(server_port) {
    fd_ = ::socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (server_port != 0) {
      address.sin_port = htons(server_port);
      EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    call_id = core::random_token(12);
    tag_ = core::random_token(8);
  }
  ~RawPhone() { ::close(fd_); }

  uint16_t port() const { return port_; }
  /// TCP: whether the agent closes the connection.
  bool is_closed(std::chrono::milliseconds patience = kPatience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd item{fd_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&item, 1, static_cast<int>(left.count())) <= 0) return false;
      char bytes[4096];
      if (::recv(fd_, bytes, sizeof bytes, 0) <= 0) return true;
    }
  }
  void send(const std::string& text) {
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t n = ::send(fd_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<size_t>(n);
    }
  }

  /// A request outside or inside of the dialog; `extra` holds further header lines with CRLF.
  void request(const std::string& method, uint32_t cseq, const std::string& extra = {}, const std::string& body = {},
               const std::string& type = "application/sdp", std::string branch = {}) {
    if (branch.empty()) branch = "z9hG4bK" + core::random_token(10);
    last_branch = branch;
    const std::string transport = tcp_ ? "TCP" : "UDP";
    const std::string me = "127.0.0.1:" + std::to_string(port_);
    const std::string uri = target.empty() ? "sip:room1@127.0.0.1:" + std::to_string(server_port_) : target;
    std::string text = method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/" + transport + " " + me +
                       ";rport;branch=" + branch + "\r\nFrom: \"Alice A\" <sip:alice@" + me + ">;tag=" + tag_ +
                       "\r\nTo: <sip:room1@127.0.0.1>" + (to_tag.empty() ? "" : ";tag=" + to_tag) +
                       "\r\nCall-ID: " + call_id + "\r\nCSeq: " + std::to_string(cseq) + " " +
                       (method == "ACK" ? "ACK" : method) + "\r\nMax-Forwards: 70\r\nContact: <sip:alice@" + me +
                       (tcp_ ? ";transport=tcp" : "") + ">\r\nUser-Agent: raw\r\n" + extra;
    if (!body.empty()) text += "Content-Type: " + type + "\r\n";
    send(text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  /// The next message that `wanted` likes; others are thrown away.
  std::string receive(const std::function<bool(const std::string&)>& wanted,
                      std::chrono::milliseconds patience = kPatience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
      if (auto message = next_buffered()) {
        if (wanted(*message)) return *message;
        continue;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd item{fd_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&item, 1, static_cast<int>(left.count())) <= 0) return {};
      char bytes[65536];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= 0) return {};
      if (!tcp_ && server_port_ == 0) {  // a server's socket answers whoever speaks first
        ::connect(fd_, reinterpret_cast<sockaddr*>(&from), size);
        server_port_ = ntohs(from.sin_port);
      }
      buffer_.append(bytes, static_cast<size_t>(n));
    }
  }
  /// A response with this status to the CSeq's method; remembers To tag and target.
  std::string response(int status, const std::string& method, std::chrono::milliseconds patience = kPatience) {
    std::string message = receive(
        [&](const std::string& m) { return is_status(m, status) && header_of(m, "CSeq").find(method) != m.npos; },
        patience);
    learn(message);
    return message;
  }
  /// The first final response to `method`.
  std::string final_response(const std::string& method) {
    return receive([&](const std::string& m) {
      return m.rfind("SIP/2.0 ", 0) == 0 && m[8] != '1' && header_of(m, "CSeq").find(method) != std::string::npos;
    });
  }
  std::string receive_request(const std::string& method) {
    return receive([&](const std::string& m) { return m.rfind(method + " ", 0) == 0; });
  }
  /// Answers a request that came in.
  void reply(const std::string& request_text, const std::string& status_line, const std::string& extra = {},
             const std::string& body = {}) {
    std::string to = header_of(request_text, "To");
    if (to.find("tag=") == std::string::npos) to += ";tag=" + tag_;
    std::string text = "SIP/2.0 " + status_line + "\r\nVia: " + header_of(request_text, "Via") +
                       "\r\nFrom: " + header_of(request_text, "From") + "\r\nTo: " + to +
                       "\r\nCall-ID: " + header_of(request_text, "Call-ID") +
                       "\r\nCSeq: " + header_of(request_text, "CSeq") +
                       "\r\nContact: <sip:raw@127.0.0.1:" + std::to_string(port_) + ">\r\n" + extra;
    if (!body.empty()) text += "Content-Type: application/sdp\r\n";
    send(text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  std::string call_id, to_tag, target, last_branch;

 private:
  void learn(const std::string& message) {
    const std::string to = header_of(message, "To");
    if (const size_t at = to.find("tag="); at != std::string::npos) to_tag = to.substr(at + 4);
    const std::string contact = header_of(message, "Contact");
    if (const size_t at = contact.find("<sip:"); at != std::string::npos)
      target = contact.substr(at + 1, contact.find('>', at) - at - 1);
  }
  std::optional<std::string> next_buffered() {
    while (!buffer_.empty() && (buffer_[0] == '\r' || buffer_[0] == '\n')) buffer_.erase(0, 1);
    const size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    const std::string head = buffer_.substr(0, end + 4);
    std::string length = header_of(head, "Content-Length");
    const size_t total = end + 4 + (length.empty() ? 0 : static_cast<size_t>(std::atoi(length.c_str())));
    if (buffer_.size() < total) return std::nullopt;
    std::string message = buffer_.substr(0, total);
    buffer_.erase(0, total);
    return message;
  }

  bool tcp_;
  uint16_t server_port_;
  uint16_t port_ = 0;
  int fd_ = -1;
  std::string tag_, buffer_;
};

}  // namespace partyline::sip
