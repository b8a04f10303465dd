// The hook parser: strangers may post anything.
#include <cstdint>
#include <string_view>

#include "gateway/srs_hook.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)partyline::gateway::parse_srs_hook(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
