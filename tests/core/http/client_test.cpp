#include "core/http/client.hpp"

#include <gmock/gmock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "tests/support/certificate.hpp"
#include "tests/support/http_loop.hpp"

namespace partyline::core::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using test::Certificate;
using ::testing::HasSubstr;

// Answers each connection with fixed bytes after the request's headers, then closes. Remembers what it was asked.
class FixedServer {
 public:
  FixedServer(asio::io_context& io, std::string answer, bool read_first = true)
      : acceptor_(io, {asio::ip::make_address("127.0.0.1"), 0}), answer_(std::move(answer)), read_first_(read_first) {
    asio::co_spawn(io, serve(), [](const std::exception_ptr&) {});
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  std::string request;

 private:
  asio::awaitable<void> serve() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      request.clear();
      if (read_first_)
        co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                        asio::as_tuple(asio::use_awaitable));
      co_await asio::async_write(socket, asio::buffer(answer_), asio::as_tuple(asio::use_awaitable));
    }
  }
  tcp::acceptor acceptor_;
  std::string answer_;
  bool read_first_;
};

TEST(Client, AnEmptyReplyIsUnavailableAndSaysSo) {
  asio::io_context io;
  for (const bool read_first : {true, false}) {
    FixedServer server(io, "", read_first);
    const auto response = test::fetch(io, "POST", server.url() + "/rtc/v1/whip/?app=a&stream=b", "v=0");
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::unavailable);
    EXPECT_THAT(response.error().message, HasSubstr("closed the connection without an answer"));
  }
}

TEST(Client, TheTargetIsSentVerbatim) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(test::fetch(io, "DELETE", server.url() + "/rtc/v1/whip/?token=a:b+c/%zz&x=ü"));
  EXPECT_THAT(server.request, HasSubstr("DELETE /rtc/v1/whip/?token=a:b+c/%zz&x=ü HTTP/1.1\r\n"));
  EXPECT_THAT(server.request, HasSubstr("Host: 127.0.0.1:"));
}

TEST(Client, AnAnswerThatBreaksOffIsAnError) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  const auto response = test::fetch(io, "GET", server.url());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::io);
}

TEST(Client, ABodyThatEndsWithTheConnectionIsComplete) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.0 201 Created\r\nLocation: /x\r\n\r\nbody");
  const auto response = test::fetch(io, "GET", server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "body");
}

TEST(Client, AChunkedAnswerIsPutTogether) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  const auto response = test::fetch(io, "GET", server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "abcde");
}

TEST(Client, AnAnswerToHeadHasALengthAndNoBody) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
  const auto response = test::fetch(io, "HEAD", server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(response->body.empty());
}

TEST(Client, InterimAnswersWithoutEndAreAnError) {
  asio::io_context io;
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  FixedServer server(io, interim);
  const auto response = test::fetch(io, "GET", server.url());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::io);
}

TEST(Client, InterimAnswersAreSkipped) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  const auto response = test::fetch(io, "GET", server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 204);
}

TEST(Client, AnAnswerBeyondTheLimitIsRefused) {
  asio::io_context io;
  FixedServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  ClientRequest request;
  request.url = server.url();
  request.max_body_bytes = 1000;
  const auto response = test::fetch(io, request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::limit);
}

TEST(Client, ARefusedConnectionIsUnavailable) {
  asio::io_context io;
  tcp::acceptor closed(io, {asio::ip::make_address("127.0.0.1"), 0});
  const uint16_t port = closed.local_endpoint().port();
  closed.close();
  const auto response = test::fetch(io, "GET", "http://127.0.0.1:" + std::to_string(port));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("refused"));
}

TEST(Client, ASilentServerIsATimeout) {
  asio::io_context io;
  tcp::acceptor silent(io, {asio::ip::make_address("127.0.0.1"), 0});
  ClientRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  request.timeout = std::chrono::milliseconds(20);
  const auto response = test::fetch(io, request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::timeout);
}

TEST(Client, AMalformedUrlIsInvalid) {
  asio::io_context io;
  const auto response = test::fetch(io, "GET", "rtmp://x/y");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::invalid);
}

class TlsTest : public ::testing::Test {
 protected:
  Result<Response> get(const Certificate& certificate, const std::string& host, bool trust, bool verify = true) {
    ServerConfig config;
    config.address = "127.0.0.1";
    config.port = 0;
    config.tls_certificate_file = certificate.certificate_file();
    config.tls_key_file = certificate.key_file();
    Server server(io_.get_executor(), config);
    server.route("GET", "/", [](Request request) -> asio::awaitable<Response> {
      co_return text(200, request.tls ? "secure" : "plain");
    });
    const auto started = server.start();
    if (!started) return started.error();
    ClientRequest request;
    request.url = "https://" + host + ":" + std::to_string(server.port()) + "/";
    request.verify_tls = verify;
    if (trust) request.ca_file = certificate.certificate_file();
    return test::fetch(io_, request);
  }
  asio::io_context io_;
};

TEST_F(TlsTest, ATrustedCertificateForTheNameIsAccepted) {
  const Certificate certificate("DNS:localhost,IP:127.0.0.1");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto response = get(certificate, host, true);
    ASSERT_TRUE(response) << host << ": " << response.error().message;
    EXPECT_EQ(response->body, "secure");
  }
}

TEST_F(TlsTest, ALargeBodyCrossesBothWays) {
  const Certificate certificate("IP:127.0.0.1");
  ServerConfig config;
  config.address = "127.0.0.1";
  config.port = 0;
  config.max_body_bytes = 2'000'000;
  config.tls_certificate_file = certificate.certificate_file();
  config.tls_key_file = certificate.key_file();
  Server server(io_.get_executor(), config);
  server.route("POST", "/", [](Request request) -> asio::awaitable<Response> { co_return text(200, request.body); });
  ASSERT_TRUE(server.start());
  ClientRequest request;
  request.method = "POST";
  request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  request.ca_file = certificate.certificate_file();
  request.max_body_bytes = config.max_body_bytes;
  for (int i = 0; i < 1'000'000; ++i) request.body += static_cast<char>('a' + i % 23);
  const auto response = test::fetch(io_, request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, request.body);
}

TEST_F(TlsTest, ACertificateForAnotherNameIsRefused) {
  const Certificate certificate("DNS:elsewhere.example,IP:127.0.0.2");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto response = get(certificate, host, true);
    ASSERT_FALSE(response) << host;
    EXPECT_THAT(response.error().message, HasSubstr("TLS handshake failed"));
  }
}

TEST_F(TlsTest, AnUnknownIssuerIsRefusedUnlessVerificationIsOff) {
  const Certificate certificate("DNS:localhost,IP:127.0.0.1");
  EXPECT_FALSE(get(certificate, "127.0.0.1", false));
  EXPECT_TRUE(get(certificate, "127.0.0.1", false, false));
}

TEST_F(TlsTest, AMissingCertificateIsAnErrorThatNamesTheFile) {
  ServerConfig config;
  config.address = "127.0.0.1";
  config.port = 0;
  config.tls_certificate_file = "/nonexistent/cert.pem";
  Server server(io_.get_executor(), config);
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/nonexistent/cert.pem"));
}

}  // namespace
}  // namespace partyline::core::http
