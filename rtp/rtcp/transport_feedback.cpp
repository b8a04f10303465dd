// The transport-cc feedback message (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//
//   |      base sequence number     |      packet status count      |
//   |                 reference time (64 ms)        | fb pkt. count |
//   |   chunk: 0 SS run-length(13)  |  or 1 0 14×1 bit, 1 1 7×2 bit |  …
//   |   delta (8 bit, 250 µs)  or   |  delta (16 bit signed)        |  …
#include <algorithm>

#include "rtp/bytes.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp::rtcp {
namespace {

constexpr std::chrono::microseconds kDeltaUnit{250};
constexpr std::chrono::microseconds kReferenceUnit{64000};
enum Symbol : uint8_t { missing = 0, small_delta = 1, large_delta = 2 };

/// The status symbols of `count` packets, read from the chunks; the offset behind the chunks, or 0 when malformed.
size_t read_symbols(std::span<const uint8_t> body, size_t at, size_t count, std::vector<uint8_t>& symbols) {
  while (symbols.size() < count) {
    if (at + 2 > body.size()) return 0;
    const uint16_t chunk = read_u16(&body[at]);
    at += 2;
    if ((chunk & 0x8000) == 0) {
      const size_t run = std::min<size_t>(chunk & 0x1FFF, count - symbols.size());
      if (run == 0) return 0;
      symbols.insert(symbols.end(), run, static_cast<uint8_t>(chunk >> 13 & 3));
      continue;
    }
    const int bits = chunk & 0x4000 ? 2 : 1;
    for (int shift = 14 - bits; shift >= 0 && symbols.size() < count; shift -= bits) {
      symbols.push_back(static_cast<uint8_t>(chunk >> shift & ((1 << bits) - 1)));
    }
  }
  return at;
}

std::optional<Symbol> symbol_of(const TransportFeedback::Packet& packet) {
  if (!packet.received) return missing;
  const auto units = packet.delta / kDeltaUnit;
  if (units >= 0 && units <= 255) return small_delta;
  if (units >= INT16_MIN && units <= INT16_MAX) return large_delta;
  return std::nullopt;
}

/// One chunk for the symbols from `at` on; moves `at` behind them.
uint16_t next_chunk(std::span<const uint8_t> symbols, size_t& at) {
  const size_t rest = symbols.size() - at;
  size_t run = 1;
  while (run < std::min<size_t>(rest, 0x1FFF) && symbols[at + run] == symbols[at]) ++run;
  if (run >= 14 || run == rest) {
    const auto chunk = static_cast<uint16_t>(symbols[at] << 13 | run);
    at += run;
    return chunk;
  }
  const auto window = symbols.subspan(at, std::min<size_t>(rest, 14));
  const bool one_bit = std::find(window.begin(), window.end(), large_delta) == window.end();
  const int bits = one_bit ? 1 : 2;
  auto chunk = static_cast<uint16_t>(one_bit ? 0x8000 : 0xC000);
  for (int shift = 14 - bits; shift >= 0 && at < symbols.size(); shift -= bits) {
    chunk = static_cast<uint16_t>(chunk | symbols[at++] << shift);
  }
  return chunk;
}

}  // namespace

bool parse_transport_feedback(const Block& block, TransportFeedback& out) {
  out.packets.clear();
  if (block.type != Type::transport_feedback || block.count != kTransportCc || block.body.size() < 16) return false;
  const auto body = block.body;
  out.sender_ssrc = read_u32(&body[0]);
  out.media_ssrc = read_u32(&body[4]);
  out.base = Seq16{read_u16(&body[8])};
  const size_t count = read_u16(&body[10]);
  if (count == 0 || count > kMaxTransportFeedback) return false;
  out.reference = kReferenceUnit * (static_cast<int32_t>(read_u24(&body[12]) << 8) >> 8);
  out.count = body[15];
  thread_local std::vector<uint8_t> symbols;
  symbols.clear();
  size_t at = read_symbols(body, 16, count, symbols);
  if (at == 0) return false;
  for (const uint8_t symbol : symbols) {
    TransportFeedback::Packet packet;
    if (symbol == small_delta) {
      if (at + 1 > body.size()) return false;
      packet = {true, kDeltaUnit * body[at]};
      at += 1;
    } else if (symbol == large_delta) {
      if (at + 2 > body.size()) return false;
      packet = {true, kDeltaUnit * static_cast<int16_t>(read_u16(&body[at]))};
      at += 2;
    }
    out.packets.push_back(packet);  // 3 is reserved: as missing
  }
  return true;
}

bool Writer::transport_feedback(const TransportFeedback& feedback) {
  if (feedback.packets.empty() || feedback.packets.size() > kMaxTransportFeedback) return false;
  thread_local std::vector<uint8_t> symbols;
  thread_local std::vector<uint16_t> chunks;
  symbols.clear();
  chunks.clear();
  size_t delta_bytes = 0;
  for (const auto& packet : feedback.packets) {
    const auto symbol = symbol_of(packet);
    if (!symbol) return false;
    symbols.push_back(*symbol);
    delta_bytes += *symbol;
  }
  for (size_t at = 0; at < symbols.size();) chunks.push_back(next_chunk(symbols, at));
  const size_t used = 16 + chunks.size() * 2 + delta_bytes;
  uint8_t* p = open(Type::transport_feedback, kTransportCc, (used + 3) / 4 * 4);
  if (!p) return false;
  write_u32(p, feedback.sender_ssrc);
  write_u32(p + 4, feedback.media_ssrc);
  write_u16(p + 8, feedback.base.value);
  write_u16(p + 10, static_cast<uint16_t>(symbols.size()));
  write_u24(p + 12, static_cast<uint32_t>(feedback.reference / kReferenceUnit) & 0xFFFFFF);
  p[15] = feedback.count;
  p += 16;
  for (const uint16_t chunk : chunks) {
    write_u16(p, chunk);
    p += 2;
  }
  for (size_t i = 0; i < symbols.size(); ++i) {
    const auto units = feedback.packets[i].delta / kDeltaUnit;
    if (symbols[i] == small_delta) *p++ = static_cast<uint8_t>(units);
    if (symbols[i] == large_delta) {
      write_u16(p, static_cast<uint16_t>(units));
      p += 2;
    }
  }
  return true;  // open() cleared the padding
}

}  // namespace partyline::rtp::rtcp
