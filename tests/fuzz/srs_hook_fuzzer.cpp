// SRS's JSON: a hook, which strangers may post, and the list of its clients.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/srs_directory.hpp"
#include "gateway/srs_hook.hpp"

using namespace partyline::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)parse_srs_hook(body);
  if (const auto clients = parse_srs_clients(body))
    for (const auto& client : *clients)
      if (client.client.empty() || client.room.empty() || client.stream.empty()) std::abort();
  return 0;
}
