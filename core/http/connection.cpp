#include "core/http/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <exception>

#include "core/client_network.hpp"
#include "core/counters.hpp"
#include "core/http/target.hpp"
#include "core/http/wire.hpp"
#include "core/log.hpp"

namespace partyline::core::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::chrono::seconds kHandshakeTimeout{10};
constexpr std::chrono::seconds kWriteTimeout{30};         // a client that takes nothing for so long is gone
constexpr std::chrono::seconds kLinger{1};                // for the unread rest of a refused request
constexpr std::chrono::seconds kFirstRequestTimeout{10};  // who connects has something to say

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                     utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

// Text from strangers may end up in a header; it must not end the header.
std::string one_line(std::string_view value) {
  std::string out(value);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return out;
}

using ResponseHead = bhttp::response<bhttp::empty_body>;

ResponseHead head_of(const Response& response, unsigned version) {
  ResponseHead head;
  head.version(version);
  head.result(static_cast<unsigned>(response.status));
  head.set(bhttp::field::date, http_date());
  for (const auto& [name, value] : response.headers) head.insert(name, one_line(value));
  return head;
}

std::string bytes_of(const ResponseHead& head) {
  return head_text(fmt::format("HTTP/{}.{} {} {}", head.version() / 10, head.version() % 10, head.result_int(),
                               std::string_view(head.reason())),
                   head);
}

using RequestParser = bhttp::request_parser<bhttp::string_body>;

Request request_of(RequestParser& parser) {
  auto message = parser.release();
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  return request;
}

class StreamConnection final : public Connection, public std::enable_shared_from_this<StreamConnection> {
 public:
  StreamConnection(std::shared_ptr<ServerShared> shared, std::unique_ptr<ByteStream> stream,
                   const std::optional<asio::ip::address>& peer)
      : shared_(std::move(shared)), stream_(std::move(stream)) {
    if (!peer) return;
    peer_ = plain_address(*peer);
    remote_address_ = peer_->to_string();
    remote_is_loopback_ = peer_->is_loopback();
  }

  void close() override { stream_->close(); }

  asio::awaitable<void> run() {
    const auto self = shared_from_this();
    stream_->expires_after(kHandshakeTimeout);
    if (co_await stream_->handshake()) {
      static Counter& failed = counter("partyline_http_tls_handshakes_failed_total");
      failed.add();
      co_return;
    }
    while (!shared_->stopped && co_await serve_one()) {
    }
    stream_->expires_after(kLinger);
    co_await stream_->shutdown();
    close();
  }

 private:
  class Writer final : public StreamWriter {
   public:
    Writer(StreamConnection& connection, bool chunked) : connection_(connection), chunked_(chunked) {}
    asio::awaitable<bool> write(std::string chunk) override {
      if (gone) co_return false;
      if (chunk.empty()) co_return true;  // an empty chunk would end the body
      if (chunked_) chunk = fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
      connection_.stream_->expires_after(kWriteTimeout);
      const error_code error = co_await connection_.stream_->write_all(chunk);
      if (error) gone = true;
      co_return !gone;
    }
    bool gone = false;

   private:
    StreamConnection& connection_;
    bool chunked_;
  };

  // True when another request may follow on this connection.
  asio::awaitable<bool> serve_one() {
    RequestParser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(shared_->config.max_body_bytes);
    const bool first = std::exchange(fresh_, false);
    stream_->expires_after(first ? std::min(shared_->config.idle_timeout, kFirstRequestTimeout)
                                 : shared_->config.idle_timeout);
    error_code error = co_await read_message(*stream_, buffer_, parser, Until::header);
    if (!error && beast::iequals(parser.get()[bhttp::field::expect], "100-continue")) {
      const std::string go_on =
          fmt::format("HTTP/{}.{} 100 Continue\r\n\r\n", parser.get().version() / 10, parser.get().version() % 10);
      error = co_await stream_->write_all(go_on);
    }
    if (!error) error = co_await read_message(*stream_, buffer_, parser, Until::end);
    if (error) {
      co_await refuse(error);
      co_return false;
    }
    const bool keep_alive = parser.get().keep_alive();
    const unsigned version = parser.get().version();
    Request request = request_of(parser);
    const bool head = request.method == "HEAD";
    Response response = co_await answer(std::move(request));
    if (response.stream && !head) {
      co_await send_stream(std::move(response), version);
      co_return false;
    }
    co_return co_await send(std::move(response), version, keep_alive && !shared_->stopped, head);
  }

  asio::awaitable<Response> answer(Request request) {
    const size_t question = request.target.find('?');
    const std::string raw_path = request.target.substr(0, question);
    if (raw_path.empty() || raw_path.front() != '/')
      co_return problem(400, "Bad request", "the request target must be a path");
    if (question != std::string::npos) request.raw_query = request.target.substr(question + 1);
    request.path = percent_decode(raw_path);
    request.query = parse_query(request.raw_query);
    request.remote_address = remote_address_;
    request.remote_is_loopback = remote_is_loopback_;
    if (peer_ && shared_->proxies.contains(*peer_)) {
      const auto client = shared_->proxies.client(*peer_, request.headers);
      request.remote_address = client.to_string();
      request.remote_is_loopback = remote_is_loopback_ && client == *peer_;  // never by a header's word
    }
    request.tls = stream_->is_tls();
    Router::Match match = shared_->router.find(request.method, raw_path);
    if (match.handler == nullptr) co_return refusal(match, request);
    request.params = std::move(match.params);
    const std::string what = request.method + " " + printable(request.path), client = request.remote_address;
    std::string failure;
    try {
      co_return co_await (*match.handler)(std::move(request));
    } catch (const std::exception& exception) {
      failure = exception.what();
    }
    log_error("http {} from {} failed: {}", what, client, failure);
    co_return problem(500, "Internal error", "the request failed; the server's log says why");
  }

  static Response refusal(const Router::Match& match, const Request& request) {
    if (match.allowed.empty()) return problem(404, "Not found", "there is nothing at " + printable(request.path));
    std::string allowed;
    for (const std::string& method : match.allowed) allowed += (allowed.empty() ? "" : ", ") + method;
    Response response = problem(405, "Method not allowed", "this resource knows " + allowed);
    response.headers.emplace_back("Allow", allowed);
    return response;
  }

  asio::awaitable<bool> send(Response response, unsigned version, bool keep_alive, bool head) {
    ResponseHead message = head_of(response, version);
    message.keep_alive(keep_alive);
    const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
    if (!bodiless) message.content_length(response.body.size());
    std::string bytes = bytes_of(message);
    if (!bodiless && !head) bytes += response.body;
    stream_->expires_after(kWriteTimeout);
    const error_code error = co_await stream_->write_all(bytes);
    co_return !error && keep_alive;
  }

  asio::awaitable<void> send_stream(Response response, unsigned version) {
    const bool chunked = version >= 11;
    ResponseHead message = head_of(response, version);
    message.keep_alive(false);
    message.chunked(chunked);
    const std::string head = bytes_of(message);
    stream_->expires_after(kWriteTimeout);
    if (co_await stream_->write_all(head)) co_return;
    const auto writer = std::make_shared<Writer>(*this, chunked);
    stream_->expires_never();
    // The only way to notice a client that leaves while there is nothing to write.
    asio::co_spawn(co_await asio::this_coro::executor, watch(shared_from_this(), writer), asio::detached);
    try {
      co_await response.stream(*writer);
    } catch (const std::exception& exception) {
      log_error("http stream to {} failed: {}", remote_address_, exception.what());
      co_return;  // without the last chunk: the client sees that it is not complete
    }
    if (!chunked || writer->gone) co_return;
    stream_->expires_after(kWriteTimeout);
    co_await stream_->write_all("0\r\n\r\n");
  }

  static asio::awaitable<void> watch(std::shared_ptr<StreamConnection> self, std::shared_ptr<Writer> writer) {
    std::array<char, 256> ignored;
    for (;;) {  // ends when the connection does
      const auto read = co_await self->stream_->read_some(asio::buffer(ignored));
      if (read.error) break;
    }
    writer->gone = true;
    self->close();
  }

  asio::awaitable<void> refuse(error_code error) {
    if (error == bhttp::error::end_of_stream || error == beast::error::timeout || error == asio::error::eof ||
        error.category() != make_error_code(bhttp::error::bad_method).category())
      co_return;
    Response response = problem(400, "Bad request", "malformed request: " + error.message());
    if (error == bhttp::error::body_limit)
      response = problem(413, "Content too large",
                         fmt::format("the body may have {} bytes at most", shared_->config.max_body_bytes));
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow)
      response = problem(431, "Header too large", fmt::format("headers may have {} bytes at most", kMaxHeaderBytes));
    if (!co_await send(std::move(response), 11, false, false)) co_await drain();
  }

  // Closing with unread bytes resets the connection, which may destroy the answer on its way.
  asio::awaitable<void> drain() {
    stream_->end_sending();
    stream_->expires_after(kLinger);
    std::vector<char> sink(16 * 1024);
    for (int i = 0; i < 64; ++i) {
      const auto read = co_await stream_->read_some(asio::buffer(sink));
      if (read.error) co_return;
    }
  }

  std::shared_ptr<ServerShared> shared_;
  const std::unique_ptr<ByteStream> stream_;
  std::string buffer_;  // read, and not yet parsed: the beginning of the next request
  bool fresh_ = true;   // no request was read yet
  std::string remote_address_;
  bool remote_is_loopback_ = false;
  std::optional<asio::ip::address> peer_;
};

asio::awaitable<void> run(std::shared_ptr<ServerShared> shared, std::shared_ptr<StreamConnection> connection) {
  shared->connections.emplace(connection.get(), connection);
  std::string failure;
  try {
    co_await connection->run();
  } catch (const std::exception& exception) {
    failure = exception.what();
  }
  if (!failure.empty()) log_error("http connection failed: {}", failure);
  shared->connections.erase(connection.get());
}

}  // namespace

asio::awaitable<void> serve_stream(std::shared_ptr<ServerShared> shared, std::unique_ptr<ByteStream> stream,
                                   std::optional<asio::ip::address> peer) {
  auto connection = std::make_shared<StreamConnection>(shared, std::move(stream), peer);
  co_await run(std::move(shared), std::move(connection));
}

asio::awaitable<void> serve_connection(std::shared_ptr<ServerShared> shared, tcp::socket socket) {
  error_code error, ignored;
  std::optional<asio::ip::address> peer;
  if (const auto endpoint = socket.remote_endpoint(error); !error) peer = endpoint.address();
  socket.set_option(tcp::no_delay(true), ignored);
  const auto counted = client_network(peer.value_or(asio::ip::address()));
  ++shared->by_address[counted];
  const auto forget = [shared, counted](void*) {
    if (const auto found = shared->by_address.find(counted); --found->second == 0) shared->by_address.erase(found);
  };
  const std::unique_ptr<void, decltype(forget)> count(shared.get(), forget);
  auto stream =
      shared->tls ? make_tls_server_stream(std::move(socket), *shared->tls) : make_plain_stream(std::move(socket));
  co_await serve_stream(shared, std::move(stream), std::move(peer));
}

}  // namespace partyline::core::http
