// The gateway under test as a process of its own, so that its processor time and memory are its own, and the floor as
// another: a bare loop that receives and sends the same packets on as many sockets.
//
// Thread: the benchmark's main thread.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/http/client.hpp"
#include "tests/bench/bench_media.hpp"
#include "tests/bench/bench_process.hpp"

namespace partyline::bench {

struct GatewayPorts {
  uint16_t sip = 0, http = 0;
};

/// The program beside this one with a configuration in `folder`. Any port of the machine may be busy: those asked for
/// are the caller's guess.
inline std::unique_ptr<Child> start_gateway(const std::string& folder, GatewayPorts ports, const std::string& more) {
  const std::string config = folder + "/partyline.toml", log = folder + "/gateway.log";
  std::ofstream(config) << "[log]\nlevel = \"warn\"\n[http]\naddress = \"127.0.0.1\"\nport = " << ports.http
                        << "\n[sip]\naddress = \"127.0.0.1\"\nport = " << ports.sip
                        << "\nmax_calls = 5000\nrtp_first_port = 30000\nrtp_last_port = 39999\n"
                        << "[webrtc]\naddress = \"127.0.0.1\"\nport = 0\n"
                        << "[rooms]\npush_mix = false\nmax_legs = 5000\nmax_rooms = 1000\n"
                        // All that is owed, whatever else the machine does.
                        << "[mixer]\ngovernor = false\n"
                        << more;
  std::string binary(4096, '\0');
  binary.resize(static_cast<size_t>(std::max<ssize_t>(::readlink("/proc/self/exe", binary.data(), binary.size()), 0)));
  binary = binary.substr(0, binary.rfind("/tests/")) + "/partyline";
  return start_program({binary, "--config", config}, log);
}

/// What the gateway's /metrics says of a counter without labels; NaN: nothing.
inline double counter(const GatewayPorts& ports, const std::string& name) {
  core::http::ClientRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(ports.http) + "/metrics";
  request.max_body_bytes = size_t{64} * 1024 * 1024;  // a thousand callers have a lot to say
  boost::asio::io_context io;
  std::string text = "\n";
  boost::asio::co_spawn(io, core::http::fetch(std::move(request)), [&](std::exception_ptr, auto answer) {
    if (answer) text += answer->body;
  });
  io.run();
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? std::nan("") : std::strtod(text.c_str() + at + 1 + name.size(), nullptr);
}

}  // namespace partyline::bench
