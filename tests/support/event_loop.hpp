// An event loop in the test's own thread, driven until something has come about, and servers on it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "core/http/server.hpp"
#include "core/time.hpp"

namespace partyline::test {

/// Runs the loop until `done` or, at most, `limit`; says whether it was done.
template <class Done>
bool run_until(boost::asio::io_context& io, Done done, core::Duration limit = std::chrono::seconds(10)) {
  const auto deadline = core::Clock::now() + limit;
  while (!done()) {
    if (core::Clock::now() >= deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// A server on a free port.
inline core::http::ServerConfig loopback_server() {
  core::http::ServerConfig config;
  config.address = "127.0.0.1";
  config.port = 0;
  return config;
}

}  // namespace partyline::test
