// A byte stream over TCP, plain or TLS, behind virtual functions: Beast's and Asio's composed operations are compiled
// once here instead of once for each parser, body and kind of stream (minutes of compile time otherwise).
//
// Thread: the socket's executor. One read and one write may be under way at the same time. A deadline holds for the
// operations started after it was set, until it is set again; an operation that misses it ends with
// boost::beast::error::timeout and the socket is closed. Not done here: anything that knows HTTP.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace partyline::core::http {

class ByteStream {
 public:
  using SystemError = boost::system::error_code;
  struct ReadResult {
    SystemError error;
    size_t size = 0;
  };

  virtual ~ByteStream() = default;

  /// Tries the endpoints in turn.
  virtual boost::asio::awaitable<SystemError> connect(std::vector<boost::asio::ip::tcp::endpoint> endpoints) = 0;
  /// TLS; a plain stream succeeds at once.
  virtual boost::asio::awaitable<SystemError> handshake() = 0;
  virtual boost::asio::awaitable<ReadResult> read_some(boost::asio::mutable_buffer into) = 0;
  /// `bytes` must stay where they are until the end.
  virtual boost::asio::awaitable<SystemError> write_all(std::string_view bytes) = 0;
  /// Says TLS goodbye and waits for the peer's; a plain stream succeeds at once.
  virtual boost::asio::awaitable<SystemError> shutdown() = 0;
  /// Ends the sending direction of a plain stream; TLS has no such state.
  virtual void end_sending() = 0;
  /// Ends what is under way with an error. Idempotent.
  virtual void close() = 0;

  virtual void expires_after(std::chrono::milliseconds time) = 0;
  virtual void expires_at(TimePoint deadline) = 0;
  virtual void expires_never() = 0;

  virtual bool is_tls() const = 0;
  /// Why the peer's certificate was refused; empty when it was not, and without TLS.
  virtual std::string certificate_problem() = 0;
};

std::unique_ptr<ByteStream> make_plain_stream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<ByteStream> make_tls_server_stream(boost::asio::ip::tcp::socket socket,
                                                   boost::asio::ssl::context& context);

/// What a client believes: the CAs of `ca_file`, or (empty) those of the system, which are read once a process.
Result<std::shared_ptr<boost::asio::ssl::context>> tls_client_context(const std::string& ca_file);

struct TlsPeer {
  std::string host;
  bool host_is_address = false;  ///< then no SNI (RFC 6066 §3)
  bool verify = true;            ///< issuer and name
};
Result<std::unique_ptr<ByteStream>> make_tls_client_stream(boost::asio::any_io_executor executor,
                                                           boost::asio::ssl::context& context, const TlsPeer& peer);

}  // namespace partyline::core::http
