// Parser for the Link header (RFC 8288 §3):
//
//   <turn:turn.example.net?transport=udp>; rel="ice-server"; username="u\"1"; credential=s3cret, <…>; …
//
// Bounded: 16 KiB of text, 32 links, 16 parameters each. What follows a malformed link is ignored, since nothing tells
// where the next one starts. Thread: pure function.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace partyline::whip_client {

struct Link {
  std::string target;
  std::vector<std::pair<std::string, std::string>> parameters;  ///< names in lower case, values unquoted

  /// The first value of `name`; empty when absent.
  std::string_view parameter(std::string_view name) const;
};

std::vector<Link> parse_link_header(std::string_view text);

}  // namespace partyline::whip_client
