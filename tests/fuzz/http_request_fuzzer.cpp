// What strangers send to the HTTP server: head, body, chunks, pipelined requests, in pieces of any size (the first
// byte). Whatever it was, the answer's head has the server's own fields in it and no others.
#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <cstring>

#include "core/http/connection.hpp"

namespace {
using namespace partyline::core::http;
using boost::asio::awaitable;

class FakeStream final : public ByteStream {
 public:
  FakeStream(std::string_view input, size_t piece, std::string& written)
      : input_(input), piece_(piece), written_(written) {}
  awaitable<ReadResult> read_some(boost::asio::mutable_buffer into) override {
    const size_t size = std::min({piece_, input_.size(), into.size()});
    if (size == 0 || closed_) co_return ReadResult{boost::asio::error::eof, 0};
    std::memcpy(into.data(), input_.data(), size);
    input_.remove_prefix(size);
    co_return ReadResult{{}, size};
  }
  awaitable<SystemError> write_all(std::string_view bytes) override {
    written_ += bytes;
    co_return SystemError();
  }
  awaitable<SystemError> connect(std::vector<boost::asio::ip::tcp::endpoint>) override { co_return SystemError(); }
  awaitable<SystemError> handshake() override { co_return SystemError(); }
  awaitable<SystemError> shutdown() override { co_return SystemError(); }
  void end_sending() override {}
  void close() override { closed_ = true; }
  void expires_after(std::chrono::milliseconds) override {}
  void expires_at(partyline::core::TimePoint) override {}
  void expires_never() override {}
  bool is_tls() const override { return false; }
  std::string certificate_problem() override { return {}; }

 private:
  std::string_view input_;
  const size_t piece_;
  std::string& written_;
  bool closed_ = false;
};

awaitable<Response> echo(Request request) {
  boost::json::object members;
  for (const auto& [name, value] : request.params) members.emplace(name, value);
  for (const auto& [name, value] : request.query) members.emplace(name, value);
  auto response = json(201, members);
  response.headers.emplace_back("Location", request.path);
  co_return response;
}

awaitable<void> write_thrice(StreamWriter& writer) {
  const std::string chunk = "data: 1\n\n";
  bool open = true;
  for (int i = 0; i < 3 && open; ++i) open = co_await writer.write(chunk);
}

awaitable<Response> stream(Request) {
  co_return Response{
      .status = 200, .headers = {{"Content-Type", "text/event-stream"}}, .body = {}, .stream = write_thrice};
}

void check_head(std::string_view written) {
  static constexpr std::array kOurs{"HTTP/1.", "Date:",           "Content-Type:", "Location:",
                                    "Allow:",  "Content-Length:", "Connection:",   "Transfer-Encoding:"};
  for (size_t end = written.find("\r\n"); end != 0 && end != std::string_view::npos; end = written.find("\r\n")) {
    const std::string_view line = written.substr(0, end);
    if (std::ranges::none_of(kOurs, [&](std::string_view ours) { return line.starts_with(ours); })) std::abort();
    written.remove_prefix(end + 2);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto shared = std::make_shared<ServerShared>();
  shared->config.max_body_bytes = 1024;
  shared->proxies = *TrustedProxies::of({"10.0.0.0/8"});
  const auto proxy = boost::asio::ip::make_address("10.0.0.1");
  shared->router.add("GET", "/events", stream);
  shared->router.add("*", "/api/v1/rooms/{room}/legs/{id}", echo);
  shared->router.add("POST", "/{rest*}", echo);
  boost::asio::io_context io;
  std::string written;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto carried = std::make_unique<FakeStream>(input, 1 + data[0] * 16U, written);
  boost::asio::co_spawn(io, serve_stream(shared, std::move(carried), proxy), boost::asio::detached);
  io.run();
  check_head(written);
  if (!shared->connections.empty()) std::abort();
  return 0;
}
