#include "core/http/client.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>

#include "core/http/byte_stream.hpp"
#include "core/http/url.hpp"
#include "core/http/wire.hpp"
#include "core/name_lookups.hpp"
#include "core/time.hpp"

namespace partyline::core::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = boost::asio::ssl;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Endpoints = std::vector<tcp::endpoint>;

Error timed_out() {
  return make_error(ErrorCode::timeout, "did not answer in time");
}

Error connect_error(const error_code& ec) {
  if (ec == beast::error::timeout) return timed_out();
  if (ec == asio::error::connection_refused) return make_error(ErrorCode::unavailable, "refused the connection");
  return make_error(ErrorCode::unavailable, "cannot be reached: " + ec.message());
}

Error handshake_error(const error_code& ec, const std::string& certificate_problem) {
  if (ec == beast::error::timeout) return timed_out();
  std::string why = ec.message();
  if (!certificate_problem.empty()) why += " (" + certificate_problem + ")";
  return make_error(ErrorCode::io, "TLS handshake failed: " + why);
}

Error exchange_error(const error_code& ec, bool got_some, size_t body_limit) {
  if (ec == beast::error::timeout) return timed_out();
  if (ec == bhttp::error::body_limit)
    return make_error(ErrorCode::limit, "answered more than " + std::to_string(body_limit) + " bytes");
  const bool closed = ec == bhttp::error::end_of_stream || ec == asio::error::eof ||
                      ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
                      ec == ssl::error::stream_truncated;
  if (closed && !got_some) return make_error(ErrorCode::unavailable, "closed the connection without an answer");
  if (closed || ec == bhttp::error::partial_message)
    return make_error(ErrorCode::io, "closed the connection in the middle of its answer");
  return make_error(ErrorCode::io, "exchange failed: " + ec.message());
}

asio::awaitable<Result<Endpoints>> resolve(std::string host, uint16_t port, TimePoint deadline) {
  const auto addresses = co_await NameLookups::of_process().find(std::move(host), deadline);
  if (!addresses) co_return addresses.error();
  Endpoints endpoints;
  for (const auto& address : *addresses) endpoints.emplace_back(address, port);
  co_return endpoints;
}

bhttp::request<bhttp::string_body> message_of(ClientRequest& request, const Url& url) {
  bhttp::request<bhttp::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(url.target);
  message.set(bhttp::field::host, url.authority());
  message.set(bhttp::field::user_agent, "partyline");
  message.set(bhttp::field::accept, "*/*");
  message.set(bhttp::field::connection, "close");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

Response response_of(bhttp::response<bhttp::string_body>&& message) {
  Response response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) response.headers.emplace_back(field.name_string(), field.value());
  response.body = std::move(message.body());
  return response;
}

asio::awaitable<Result<Response>> exchange(ByteStream& stream, const bhttp::request<bhttp::string_body>& message,
                                           size_t body_limit) {
  std::string first_line(message.method_string());
  first_line.append(" ").append(message.target()).append(" HTTP/1.1");
  const std::string bytes = head_text(std::move(first_line), message) + message.body();
  const error_code write_error = co_await stream.write_all(bytes);
  // A server may refuse before it has read everything: its answer is still worth reading after a failed write.
  if (write_error == beast::error::timeout) co_return timed_out();
  std::string buffer;
  constexpr int kMostInterim = 8;  // 1xx answers
  for (int i = 0; i < kMostInterim; ++i) {
    bhttp::response_parser<bhttp::string_body> parser;
    parser.header_limit(64 * 1024);
    parser.body_limit(body_limit);
    parser.skip(message.method() == bhttp::verb::head);
    const error_code error = co_await read_message(stream, buffer, parser, Until::end);
    if (error) co_return exchange_error(error, parser.got_some(), body_limit);
    if (parser.get().result_int() / 100 != 1) co_return response_of(parser.release());
  }
  co_return make_error(ErrorCode::io, "sent interim answers only");
}

asio::awaitable<Result<Response>> fetch_on(std::unique_ptr<ByteStream> stream, ClientRequest request, Url url,
                                           Endpoints endpoints, TimePoint deadline) {
  stream->expires_at(deadline);
  if (const error_code error = co_await stream->connect(std::move(endpoints))) co_return connect_error(error);
  stream->expires_at(deadline);
  if (const error_code error = co_await stream->handshake())
    co_return handshake_error(error, stream->certificate_problem());
  stream->expires_at(deadline);
  const auto message = message_of(request, url);
  co_return co_await exchange(*stream, message, request.max_body_bytes);
}

Result<std::unique_ptr<ByteStream>> make_stream(asio::any_io_executor executor, const ClientRequest& request,
                                                const Url& url) {
  if (!url.tls) return make_plain_stream(tcp::socket(executor));
  const auto context = tls_client_context(request.ca_file);
  if (!context) return context.error();
  return make_tls_client_stream(executor, **context, {url.host, url.host_is_address, request.verify_tls});
}

}  // namespace

asio::awaitable<Result<Response>> fetch(ClientRequest request) {
  const auto url = parse_url(request.url);
  if (!url) co_return url.error();
  const TimePoint deadline = Clock::now() + request.timeout;
  const std::string authority = url->authority();
  auto endpoints = co_await resolve(url->host, url->port, deadline);
  if (!endpoints) co_return endpoints.error().with_context(authority);
  auto stream = make_stream(co_await asio::this_coro::executor, request, *url);
  if (!stream) co_return stream.error().with_context(authority);
  auto response = co_await fetch_on(std::move(*stream), std::move(request), *url, std::move(*endpoints), deadline);
  if (!response) co_return response.error().with_context(authority);
  co_return std::move(*response);
}

}  // namespace partyline::core::http
