#include "core/http/byte_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace partyline::core::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

template <class Stream>
class StreamOf : public ByteStream {
 public:
  template <class... Args>
  explicit StreamOf(Args&&... args) : stream_(std::forward<Args>(args)...) {}

  asio::awaitable<error_code> connect(std::vector<tcp::endpoint> endpoints) override {
    const auto [error, endpoint] = co_await lowest().async_connect(endpoints, kTuple);
    co_return error;
  }
  asio::awaitable<ReadResult> read_some(asio::mutable_buffer into) override {
    const auto [error, size] = co_await stream_.async_read_some(into, kTuple);
    co_return ReadResult{error, size};
  }
  asio::awaitable<error_code> write_all(std::string_view bytes) override {
    const auto [error, size] =
        co_await asio::async_write(stream_, asio::const_buffer(bytes.data(), bytes.size()), kTuple);
    co_return error;
  }
  void close() override {
    error_code ignored;
    lowest().socket().shutdown(tcp::socket::shutdown_both, ignored);
    lowest().close();
  }
  void expires_after(std::chrono::milliseconds time) override { lowest().expires_after(time); }
  void expires_at(TimePoint deadline) override { lowest().expires_at(deadline); }
  void expires_never() override { lowest().expires_never(); }

 protected:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  Stream stream_;
};

class PlainStream final : public StreamOf<beast::tcp_stream> {
 public:
  using StreamOf::StreamOf;
  asio::awaitable<error_code> handshake() override { co_return error_code(); }
  asio::awaitable<error_code> shutdown() override { co_return error_code(); }
  void end_sending() override {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }
  bool is_tls() const override { return false; }
  std::string certificate_problem() override { return {}; }
};

class TlsStream final : public StreamOf<ssl::stream<beast::tcp_stream>> {
 public:
  template <class Lowest>
  TlsStream(ssl::stream_base::handshake_type role, Lowest&& lowest, ssl::context& context)
      : StreamOf(std::forward<Lowest>(lowest), context), role_(role) {}

  error_code expect(const TlsPeer& peer) {
    if (!peer.host_is_address && SSL_set_tlsext_host_name(stream_.native_handle(), peer.host.c_str()) != 1)
      return asio::error::invalid_argument;
    error_code error;
    stream_.set_verify_mode(peer.verify ? ssl::verify_peer : ssl::verify_none, error);
    if (!error && peer.verify) stream_.set_verify_callback(ssl::host_name_verification(peer.host), error);
    return error;
  }
  asio::awaitable<error_code> handshake() override {
    const auto [error] = co_await stream_.async_handshake(role_, kTuple);
    co_return error;
  }
  asio::awaitable<error_code> shutdown() override {
    const auto [error] = co_await stream_.async_shutdown(kTuple);
    co_return error;
  }
  void end_sending() override {}
  bool is_tls() const override { return true; }
  std::string certificate_problem() override {
    const long result = SSL_get_verify_result(stream_.native_handle());
    return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
  }

 private:
  ssl::stream_base::handshake_type role_;
};

Result<std::shared_ptr<ssl::context>> read_tls_client_context(const std::string& ca_file) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code ec;
  if (ca_file.empty())
    context->set_default_verify_paths(ec);
  else
    context->load_verify_file(ca_file, ec);
  if (ec) return make_error(ErrorCode::io, "cannot read the CA file " + ca_file + ": " + ec.message());
  return context;
}

}  // namespace

// Reading the system's CA bundle takes tens of milliseconds.
Result<std::shared_ptr<ssl::context>> tls_client_context(const std::string& ca_file) {
  if (!ca_file.empty()) return read_tls_client_context(ca_file);
  static const Result<std::shared_ptr<ssl::context>> shared = read_tls_client_context({});
  return shared;
}

std::unique_ptr<ByteStream> make_plain_stream(tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

std::unique_ptr<ByteStream> make_tls_server_stream(tcp::socket socket, ssl::context& context) {
  return std::make_unique<TlsStream>(ssl::stream_base::server, std::move(socket), context);
}

Result<std::unique_ptr<ByteStream>> make_tls_client_stream(asio::any_io_executor executor, ssl::context& context,
                                                           const TlsPeer& peer) {
  auto stream = std::make_unique<TlsStream>(ssl::stream_base::client, std::move(executor), context);
  if (stream->expect(peer)) return make_error(ErrorCode::invalid, "the host name does not fit into SNI");
  return std::unique_ptr<ByteStream>(std::move(stream));
}

}  // namespace partyline::core::http
