// What phones put into bodies and names: first line a header's value (Content-Type, or a user part), the rest a body of
// INFO or of a multipart INVITE. What we write of it stays on its line and inside its quotes.
#include <cstdlib>
#include <string>

#include "sip/header_text.hpp"
#include "sip/info_body.hpp"

using namespace partyline::sip;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string_view header = text.substr(0, line);
  const std::string_view body = line == std::string_view::npos ? std::string_view{} : text.substr(line + 1);
  (void)parse_info(header, body);
  for (const char* type : {"application/dtmf-relay", "application/dtmf", "application/media_control+xml"}) {
    const auto request = parse_info(type, body);
    if (std::holds_alternative<InfoUnknown>(request)) std::abort();
    if (const auto* digit = std::get_if<InfoDigit>(&request))
      if (std::string_view("0123456789*#ABCD").find(digit->digit) == std::string_view::npos) std::abort();
  }
  if (const auto sdp = sdp_of_multipart(header, body); sdp && sdp->size() > body.size() + 2) std::abort();
  if (const auto user = unescape_user(header)) {
    const auto again = unescape_user(escape_user(*user));
    if (again != user) std::abort();
    if (user->size() <= 200 && unquoted(quoted(*user)) != *user) std::abort();
  }
  const std::string written = quoted(header);
  if (written.find_first_of("\r\n") != std::string::npos || written.size() < 2) std::abort();
  return 0;
}
