// The configuration parser: whatever the file holds, an error or a Config.
#include <cstdint>
#include <string>

#include "gateway/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)partyline::gateway::parse_config(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
