// TLS for who has none: plain HTTP through a tunnel to an HTTPS server.
#include "rtp/transport/turn_tls_tunnel.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>

#include "core/http/client.hpp"
#include "core/http/server.hpp"
#include "tests/support/certificate.hpp"
#include "tests/support/http_loop.hpp"

namespace partyline::rtp {
namespace {

namespace http = core::http;
using boost::asio::ip::tcp;

class TurnTlsTunnelTest : public ::testing::Test {
 protected:
  TurnTlsTunnelTest() {
    http::ServerConfig config;
    config.address = "127.0.0.1";
    config.port = 0;
    config.tls_certificate_file = certificate.certificate_file();
    config.tls_key_file = certificate.key_file();
    server = std::make_unique<http::Server>(io.get_executor(), config);
    server->route("GET", "/", [](http::Request request) -> boost::asio::awaitable<http::Response> {
      co_return http::text(200, request.tls ? std::string(20000, 'x') : "plain");
    });
    EXPECT_TRUE(server->start());
  }
  auto open(const std::string& host, const std::string& ca_file) {
    return TurnTlsTunnel::open(io.get_executor(), host,
                               {boost::asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server->port())},
                               ca_file);
  }
  core::Result<http::Response> get(const TurnTlsTunnel& tunnel) {
    http::ClientRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(tunnel.local().port()) + "/";
    return test::fetch(io, request);
  }
  boost::asio::io_context io;
  test::Certificate certificate{"DNS:turn.example,IP:127.0.0.1"};
  std::unique_ptr<http::Server> server;
};

TEST_F(TurnTlsTunnelTest, carries_bytes_both_ways_to_the_server_that_was_named) {
  for (const char* host : {"turn.example", "127.0.0.1"}) {
    const auto tunnel = open(host, certificate.certificate_file());
    ASSERT_TRUE(tunnel);
    EXPECT_TRUE((*tunnel)->local().address().is_loopback());
    for (int i = 0; i < 3; ++i) {
      const auto response = get(**tunnel);
      ASSERT_TRUE(response) << response.error().message;
      EXPECT_EQ(response->body, std::string(20000, 'x'));
    }
  }
}

TEST_F(TurnTlsTunnelTest, closes_on_a_certificate_for_another_name_or_of_an_unknown_issuer) {
  const test::Certificate stranger("DNS:turn.example");
  EXPECT_FALSE(get(**open("other.example", certificate.certificate_file())));
  EXPECT_FALSE(get(**open("turn.example", stranger.certificate_file())));
  EXPECT_FALSE(open("turn.example", "/nowhere.pem"));
}

TEST_F(TurnTlsTunnelTest, takes_nobody_any_more_once_it_is_gone) {
  tcp::endpoint near;
  {
    const auto tunnel = open("turn.example", certificate.certificate_file());
    near = (*tunnel)->local();
    ASSERT_TRUE(get(**tunnel));
  }
  io.restart();
  io.poll();
  tcp::socket socket(io);
  boost::system::error_code ec;
  socket.connect(near, ec);
  EXPECT_TRUE(ec);
}

}  // namespace
}  // namespace partyline::rtp
