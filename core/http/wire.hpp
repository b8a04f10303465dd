// HTTP/1.1 messages to and from a ByteStream: Beast's parsers and header fields without its asynchronous operations.
// Internal to core/http (it includes Beast). Thread: the stream's.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <string>
#include <string_view>

#include "core/http/byte_stream.hpp"

namespace partyline::core::http {

enum class Until { header, end };

/// Beyond the parsers' own limits: a chunk header or trailer that never ends.
inline constexpr size_t kMaxUnparsedBytes = 96 * 1024;

/// Feeds `parser` until the header or the message is complete. `buffer` holds what was read too much: before the call
/// for this message, afterwards for the next. Errors are Beast's: end_of_stream before the first byte, partial_message.
template <bool kIsRequest>
boost::asio::awaitable<boost::system::error_code> read_message(ByteStream& stream, std::string& buffer,
                                                               boost::beast::http::basic_parser<kIsRequest>& parser,
                                                               Until until) {
  namespace bhttp = boost::beast::http;
  const auto complete = [&] { return until == Until::header ? parser.is_header_done() : parser.is_done(); };
  parser.eager(until == Until::end);
  while (!complete()) {
    boost::system::error_code error;
    if (!buffer.empty()) {
      const size_t used = parser.put(boost::asio::const_buffer(buffer.data(), buffer.size()), error);
      buffer.erase(0, used);
      if (error && error != bhttp::error::need_more) co_return error;
      if (complete()) break;
      if (!error && used > 0) continue;
    }
    if (buffer.size() >= kMaxUnparsedBytes) co_return bhttp::error::buffer_overflow;
    std::array<char, 8192> bytes;
    const auto [read_error, size] = co_await stream.read_some(boost::asio::buffer(bytes));
    if (read_error == boost::asio::error::eof) {
      if (!parser.got_some()) co_return bhttp::error::end_of_stream;
      error = {};
      parser.put_eof(error);
      co_return error;
    }
    if (read_error) co_return read_error;
    buffer.append(bytes.data(), size);
  }
  co_return boost::system::error_code();
}

/// `first_line` without its line end, the fields, and the empty line.
inline std::string head_text(std::string first_line, const boost::beast::http::fields& fields) {
  first_line += "\r\n";
  for (const auto& field : fields) {
    first_line += std::string_view(field.name_string());
    first_line += ": ";
    first_line += std::string_view(field.value());
    first_line += "\r\n";
  }
  first_line += "\r\n";
  return first_line;
}

}  // namespace partyline::core::http
