#include "core/client_network.hpp"

#include <gtest/gtest.h>

namespace partyline::core {
namespace {

TEST(ClientNetwork, is_one_ipv4_address_or_64_bits_of_ipv6) {
  for (const auto& [address, network] : {
           std::pair{"192.0.2.7", "192.0.2.7"},
           std::pair{"::ffff:192.0.2.7", "192.0.2.7"},
           std::pair{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
           std::pair{"2001:db8:1:2:ffff::", "2001:db8:1:2::"},
           std::pair{"2001:db8:1:3::1", "2001:db8:1:3::"},
           std::pair{"no address", "no address"},
           std::pair{"", ""},
       })
    EXPECT_EQ(client_network(std::string(address)), network);
}

}  // namespace
}  // namespace partyline::core
