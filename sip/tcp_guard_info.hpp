// What the kernel tells of a TCP connection. Thread: any.
#pragma once

#include <cstdint>

namespace partyline::sip {

/// How many bytes have come; 0 as well where the kernel does not say (before Linux 4.1).
uint64_t bytes_received(int descriptor);

}  // namespace partyline::sip
