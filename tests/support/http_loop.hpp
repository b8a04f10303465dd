// Runs HTTP tests: a real server on a free loopback port, and coroutines awaited to their end.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/http/client.hpp"
#include "core/http/server.hpp"
#include "core/time.hpp"
#include "tests/support/event_loop.hpp"

namespace partyline::test {

/// Drives `io` until `work` has a result.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& failure, T value) {
    EXPECT_FALSE(failure);
    result.emplace(std::move(value));
  });
  if (!run_until(
          io, [&] { return result.has_value(); }, std::chrono::seconds(30)))
    throw std::runtime_error("the coroutine did not end");
  return std::move(*result);
}

inline core::Result<core::http::Response> fetch(boost::asio::io_context& io, core::http::ClientRequest request) {
  return run(io, core::http::fetch(std::move(request)));
}

inline core::Result<core::http::Response> fetch(boost::asio::io_context& io, std::string method, std::string url,
                                                std::string body = {}, core::http::Headers headers = {}) {
  core::http::ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.body = std::move(body);
  request.headers = std::move(headers);
  return fetch(io, std::move(request));
}

}  // namespace partyline::test
