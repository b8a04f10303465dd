// The whole gateway, built and torn down in one place: makes the parts in the order they need each other and ends them
// in the opposite one. Thread: construct, start() and stop() on the network thread (the one that runs `io`).
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "core/result.hpp"
#include "gateway/config.hpp"

namespace partyline::gateway {

class App {
 public:
  App(boost::asio::io_context& io, Config config);
  ~App();
  core::Result<> start();
  /// Hangs up all calls, ends all rooms. `io` runs empty afterwards.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::gateway
