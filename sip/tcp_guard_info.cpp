// Apart from the rest of TcpGuard: the kernel's own header tells more of a connection than the C library's, and does
// not go beside it.
#include "sip/tcp_guard_info.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace partyline::sip {

uint64_t bytes_received(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool known = ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  const bool told = size >= offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
  return known && told ? info.tcpi_bytes_received : 0;
}

}  // namespace partyline::sip
