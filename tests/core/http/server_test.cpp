#include "core/http/server.hpp"

#include <gmock/gmock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <thread>

#include "tests/support/http_loop.hpp"

namespace partyline::core::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::StartsWith;

asio::awaitable<Response> echo(Request request) {
  boost::json::object params, query;
  for (const auto& [name, value] : request.params) params[name] = value;
  for (const auto& [name, value] : request.query) query[name] = value;
  co_return json(200, boost::json::object{{"method", request.method},
                                          {"path", request.path},
                                          {"raw_query", request.raw_query},
                                          {"params", params},
                                          {"query", query},
                                          {"body", request.body},
                                          {"remote", request.remote_address},
                                          {"loopback", request.remote_is_loopback}});
}

asio::awaitable<Response> fail(Request) {
  throw std::runtime_error("secret detail");
  co_return text(200, "");
}

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerConfig config = {}) {
    if (config.address == "0.0.0.0") config.address = "127.0.0.1";
    config.port = 0;
    server_ = std::make_unique<Server>(io_.get_executor(), config);
    server_->route("GET", "/echo/{name}", echo);
    server_->route("POST", "/echo/{name}", echo);
    server_->route("GET", "/fail", fail);
    server_->route("GET", "/stream", [this](Request) { return stream_three(); });
    server_->route("GET", "/events", [this](Request) { return stream_for_ever(); });
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  asio::awaitable<Response> stream_three() {
    Response response{200, {{"Content-Type", "text/event-stream"}}, {}, {}};
    response.stream = [](StreamWriter& out) -> asio::awaitable<void> {
      for (const char* chunk : {"data: 1\n\n", "", "data: 2\n\n", "data: 3\n\n"}) co_await out.write(chunk);
    };
    co_return response;
  }

  asio::awaitable<Response> stream_for_ever() {
    Response response{200, {}, {}, {}};
    response.stream = [this](StreamWriter& out) -> asio::awaitable<void> {
      asio::steady_timer timer(io_);
      while (co_await out.write("tick\n")) {
        timer.expires_after(std::chrono::milliseconds(2));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      client_gone_ = true;
    };
    co_return response;
  }

  std::string url(const std::string& target) { return "http://127.0.0.1:" + std::to_string(server_->port()) + target; }

  // Sends raw bytes and returns everything until the server closes.
  std::string raw(std::string bytes) { return exchange(std::move(bytes), false); }
  // The same, but says first that nothing will follow.
  std::string raw_then_end(std::string bytes) { return exchange(std::move(bytes), true); }
  std::string exchange(std::string bytes, bool end) {
    return test::run(io_, [](std::string request, uint16_t port, bool last) -> asio::awaitable<std::string> {
      tcp::socket socket(co_await asio::this_coro::executor);
      co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(request), asio::as_tuple(asio::use_awaitable));
      if (last) socket.shutdown(tcp::socket::shutdown_send);
      std::string answer;
      co_await asio::async_read(socket, asio::dynamic_buffer(answer), asio::as_tuple(asio::use_awaitable));
      co_return answer;
    }(std::move(bytes), server_->port(), end));
  }

  asio::io_context io_;
  std::unique_ptr<Server> server_;
  bool client_gone_ = false;
};

TEST_F(ServerTest, ARequestReachesItsHandlerWithPlaceholdersAndQueryDecoded) {
  start();
  const auto response = test::fetch(io_, "POST", url("/echo/a%20b?x=%31&bad=%GG"), "hello");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  const auto body = boost::json::parse(response->body).as_object();
  EXPECT_EQ(body.at("params").at("name"), "a b");
  EXPECT_EQ(body.at("query").at("x"), "1");
  EXPECT_EQ(body.at("query").at("bad"), "%GG");
  EXPECT_EQ(body.at("raw_query"), "x=%31&bad=%GG");
  EXPECT_EQ(body.at("body"), "hello");
  EXPECT_EQ(body.at("remote"), "127.0.0.1");
  EXPECT_EQ(body.at("loopback"), true);
}

TEST_F(ServerTest, ATrustedProxySaysWhoAsksAndAnybodyElseDoesNot) {
  for (const auto& [trusted, remote] :
       std::vector<std::pair<std::string, std::string>>{{"127.0.0.0/8", "203.0.113.7"}, {"10.0.0.0/8", "127.0.0.1"}}) {
    ServerConfig config;
    config.trusted_proxies = {trusted};
    start(config);
    const auto response =
        test::fetch(io_, "GET", url("/echo/x"), {}, {{"X-Forwarded-For", "127.0.0.1, 203.0.113.7, 127.0.0.9"}});
    ASSERT_TRUE(response) << response.error().message;
    const auto body = boost::json::parse(response->body).as_object();
    EXPECT_EQ(body.at("remote"), remote.c_str());
    EXPECT_EQ(body.at("loopback"), remote == "127.0.0.1");
  }
  ServerConfig config;
  config.trusted_proxies = {"127.0.0.1"};
  start(config);
  const auto claimed = test::fetch(io_, "GET", url("/echo/x"), {}, {{"X-Forwarded-For", "127.0.0.5"}});
  ASSERT_TRUE(claimed) << claimed.error().message;
  EXPECT_EQ(boost::json::parse(claimed->body).as_object().at("loopback"), false) << "a proxy's own users are not ours";
  config.trusted_proxies = {"proxy.example"};
  EXPECT_FALSE(Server(io_.get_executor(), config).start());
}

TEST_F(ServerTest, AnUnknownPathIsA404AndAnotherMethodA405WithAllow) {
  start();
  const auto missing = test::fetch(io_, "GET", url("/nothing"));
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(find_header(missing->headers, "content-type"), "application/problem+json");
  const auto wrong = test::fetch(io_, "DELETE", url("/echo/x"));
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(find_header(wrong->headers, "allow"), "GET, HEAD, POST");
}

TEST_F(ServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  start();
  const auto head = test::fetch(io_, "HEAD", url("/echo/x"));
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_NE(find_header(head->headers, "content-length"), "0");
}

TEST_F(ServerTest, AnExceptionInAHandlerIsA500ThatKeepsItsSecrets) {
  start();
  const auto response = test::fetch(io_, "GET", url("/fail"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 500);
  EXPECT_THAT(response->body, Not(HasSubstr("secret")));
}

TEST_F(ServerTest, ABodyBeyondTheLimitIsA413ThatArrives) {
  ServerConfig config;
  config.max_body_bytes = 1000;
  start(config);
  const auto response = test::fetch(io_, "POST", url("/echo/x"), std::string(500'000, 'x'));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

TEST_F(ServerTest, HeadersBeyondTheLimitAreA431) {
  start();
  EXPECT_THAT(raw("GET /echo/x HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, GarbageIsA400) {
  start();
  EXPECT_THAT(raw("this is not http\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(raw("GET http://elsewhere/ HTTP/1.1\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, OneConnectionCarriesSeveralRequests) {
  start();
  const std::string answers =
      raw("GET /echo/one HTTP/1.1\r\nHost: x\r\n\r\n"
          "GET /echo/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answers, HasSubstr("/echo/one"));
  EXPECT_THAT(answers, HasSubstr("/echo/two"));
}

TEST_F(ServerTest, RequestsMayFollowABodyInTheSamePacket) {
  start();
  const std::string answers =
      raw("POST /echo/one HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
          "POST /echo/two HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n"
          "GET /echo/three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answers, HasSubstr("\"body\":\"abc\""));
  EXPECT_THAT(answers, HasSubstr("\"body\":\"def\""));
  EXPECT_THAT(answers, HasSubstr("/echo/three"));
}

TEST_F(ServerTest, AHeaderMayComeByteByByte) {
  start();
  const std::string request = "POST /echo/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
  const std::string answer = test::run(io_, [](std::string bytes, uint16_t port) -> asio::awaitable<std::string> {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    for (const char& byte : bytes) co_await asio::async_write(socket, asio::buffer(&byte, 1), asio::use_awaitable);
    std::string received;
    co_await asio::async_read(socket, asio::dynamic_buffer(received), asio::as_tuple(asio::use_awaitable));
    co_return received;
  }(request, server_->port()));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr("\"body\":\"hi\""));
}

TEST_F(ServerTest, ATrailerWithoutEndIsRefused) {
  start();
  EXPECT_THAT(
      raw("POST /echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(120'000, 'x')),
      StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, AChunkedBodyBeyondTheLimitIsA413) {
  ServerConfig config;
  config.max_body_bytes = 10;
  start(config);
  EXPECT_THAT(raw("POST /echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, ARequestCutOffIsA400AndAnAnswerWithoutBodyHasNoLength) {
  start();
  EXPECT_EQ(raw_then_end("GET /echo/x HT").substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(raw_then_end(""), "");
  server_->route("GET", "/empty", [](Request) -> asio::awaitable<Response> { co_return text(204, "ignored"); });
  const std::string empty = raw("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(empty, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(empty, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, AnHttp10ClientGetsAStreamThatEndsWithTheConnection) {
  start();
  const std::string answer = raw("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"));
}

TEST_F(ServerTest, AClientThatAsksFirstIsToldToSendItsBody) {
  start();
  EXPECT_THAT(raw("POST /echo/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                  "Connection: close\r\n\r\nhi"),
              StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
}

TEST_F(ServerTest, AStreamArrivesInChunksAndEnds) {
  start();
  const auto response = test::fetch(io_, "GET", url("/stream"));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
}

TEST_F(ServerTest, AStreamNoticesThatItsClientIsGone) {
  start();
  ClientRequest request;
  request.url = url("/events");
  request.timeout = std::chrono::milliseconds(50);
  const auto response = test::fetch(io_, request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::timeout);
  for (int i = 0; i < 1000 && !client_gone_; ++i) io_.run_one_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(client_gone_);
}

TEST_F(ServerTest, AnIdleConnectionIsClosed) {
  ServerConfig config;
  config.idle_timeout = std::chrono::seconds(0);
  start(config);
  EXPECT_EQ(raw("GET /echo/x HTTP/1.1\r\n"), "");
}

TEST_F(ServerTest, BeyondItsLimitConnectionsAreRefused) {
  ServerConfig config;
  config.max_connections = 0;
  start(config);
  const auto response = test::fetch(io_, "GET", url("/echo/x"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
}

TEST_F(ServerTest, StopEndsStreamsAndFreesThePort) {
  start();
  const uint16_t port = server_->port();
  asio::steady_timer stop_soon(io_, std::chrono::milliseconds(20));
  stop_soon.async_wait([&](auto) { server_->stop(); });
  const auto response = test::fetch(io_, "GET", url("/events"));
  EXPECT_FALSE(response);
  server_->stop();
  ServerConfig config;
  config.address = "127.0.0.1";
  config.port = port;
  Server again(io_.get_executor(), config);
  EXPECT_TRUE(again.start());
}

TEST_F(ServerTest, AnOccupiedPortIsAnErrorThatSaysSo) {
  start();
  ServerConfig config;
  config.address = "127.0.0.1";
  config.port = server_->port();
  Server second(io_.get_executor(), config);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("another program has this port"));
}

TEST_F(ServerTest, AV4ClientOfADualStackServerIsKnownByItsV4Address) {
  ServerConfig config;
  config.address = "::";
  start(config);
  const auto response = test::fetch(io_, "GET", url("/echo/x"));
  if (!response) GTEST_SKIP() << "no IPv6 here: " << response.error().message;
  const auto body = boost::json::parse(response->body).as_object();
  EXPECT_EQ(body.at("remote"), "127.0.0.1");
  EXPECT_EQ(body.at("loopback"), true);
}

TEST_F(ServerTest, StrangersTextInAHeaderCannotEndTheHeader) {
  start();
  server_->route("GET", "/header", [](Request) -> asio::awaitable<Response> {
    Response response = text(200, "");
    response.headers.emplace_back("X-Name", "a\r\nX-Injected: b");
    co_return response;
  });
  const auto response = test::fetch(io_, "GET", url("/header"));
  ASSERT_TRUE(response);
  EXPECT_FALSE(find_header(response->headers, "x-injected"));
}

}  // namespace
}  // namespace partyline::core::http
