#include <algorithm>

#include "rtp/bytes.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp::rtcp {
namespace {

constexpr size_t kReportBlockBytes = 24;
// RFC 3611 §4.4 … §4.7
constexpr uint8_t kReceiverReferenceBlock = 4, kDlrrBlock = 5, kStatisticsBlock = 6, kVoipMetricsBlock = 7;

bool is(const Block& block, Type type, uint8_t format, size_t least_bytes) {
  return block.type == type && block.count == format && block.body.size() >= least_bytes;
}

int32_t signed24(uint32_t value) {
  return static_cast<int32_t>(value << 8) >> 8;
}

/// `count` report blocks at the start of `bytes`; false when they are not all there.
bool read_reports(std::span<const uint8_t> bytes, size_t count, ReportBlocks& out) {
  if (bytes.size() < count * kReportBlockBytes) return false;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* p = &bytes[i * kReportBlockBytes];
    out.push({read_u32(p), p[4], signed24(read_u24(p + 5)), read_u32(p + 8), read_u32(p + 12), read_u32(p + 16),
              read_u32(p + 20)});
  }
  return true;
}

/// exponent and mantissa of REMB and TMMBR, cut at what an int64_t holds.
uint64_t scaled(uint64_t mantissa, unsigned exponent) {
  constexpr uint64_t most = INT64_MAX;
  return mantissa > (most >> exponent) ? most : mantissa << exponent;
}

FeedbackHeader header_of(const Block& block) {
  return {read_u32(&block.body[0]), read_u32(&block.body[4])};
}

std::optional<Tmmb> parse_tmmb(const Block& block, uint8_t format) {
  if (!is(block, Type::transport_feedback, format, 8)) return std::nullopt;
  Tmmb result{{header_of(block)}, {}};
  for (size_t at = 8; at + 8 <= block.body.size(); at += 8) {
    const uint32_t word = read_u32(&block.body[at + 4]);
    result.entries.push(
        {read_u32(&block.body[at]), scaled(word >> 9 & 0x1FFFF, word >> 26), static_cast<uint16_t>(word & 0x1FF)});
  }
  return result;
}

}  // namespace

std::chrono::nanoseconds to_duration(NtpTime ntp) {
  const uint64_t seconds = ntp.value >> 32;
  const uint64_t fraction = ntp.value & 0xFFFFFFFF;
  return std::chrono::seconds(seconds) +
         std::chrono::nanoseconds((fraction * 1'000'000'000 + (uint64_t{1} << 31)) >> 32);
}

NtpTime to_ntp(std::chrono::nanoseconds since_epoch) {
  const auto ns = static_cast<uint64_t>(since_epoch.count());
  const uint64_t seconds = ns / 1'000'000'000;
  const uint64_t rest = ns % 1'000'000'000;
  return {seconds << 32 | ((rest << 32) / 1'000'000'000)};
}

std::chrono::nanoseconds compact_to_duration(uint32_t compact) {
  return std::chrono::nanoseconds((uint64_t{compact} * 1'000'000'000) >> 16);
}

uint32_t to_compact(std::chrono::nanoseconds duration) {
  if (duration.count() <= 0) return 0;
  const auto ns =
      static_cast<uint64_t>(std::min(duration, std::chrono::nanoseconds(std::chrono::seconds(65535))).count());
  return static_cast<uint32_t>((ns << 16) / 1'000'000'000);
}

std::optional<Block> Reader::next() {
  if (rest_.empty()) return std::nullopt;
  malformed_ = true;
  if (rest_.size() < 4 || rest_[0] >> 6 != 2) return std::nullopt;
  const size_t bytes = (size_t{read_u16(&rest_[2])} + 1) * 4;
  if (bytes > rest_.size()) return std::nullopt;
  std::span<const uint8_t> body = rest_.subspan(4, bytes - 4);
  if (rest_[0] & 0x20) {
    if (body.empty() || body.back() == 0 || body.back() > body.size()) return std::nullopt;
    body = body.first(body.size() - body.back());
  }
  const Block block{static_cast<Type>(rest_[1]), static_cast<uint8_t>(rest_[0] & 0x1F), body};
  rest_ = rest_.subspan(bytes);
  malformed_ = false;
  return block;
}

std::optional<SenderReport> parse_sender_report(const Block& block) {
  if (block.type != Type::sender_report || block.body.size() < 24) return std::nullopt;
  const uint8_t* p = block.body.data();
  SenderReport report{read_u32(p), {read_u64(p + 4)}, {read_u32(p + 12)}, read_u32(p + 16), read_u32(p + 20), {}};
  if (!read_reports(block.body.subspan(24), block.count, report.reports)) return std::nullopt;
  return report;
}

std::optional<ReceiverReport> parse_receiver_report(const Block& block) {
  if (block.type != Type::receiver_report || block.body.size() < 4) return std::nullopt;
  ReceiverReport report{read_u32(block.body.data()), {}};
  if (!read_reports(block.body.subspan(4), block.count, report.reports)) return std::nullopt;
  return report;
}

std::optional<CnameChunks> parse_source_description(const Block& block) {
  if (block.type != Type::source_description) return std::nullopt;
  CnameChunks chunks;
  size_t at = 0;
  for (int i = 0; i < block.count; ++i) {
    if (at + 4 > block.body.size()) return std::nullopt;
    CnameChunk chunk{read_u32(&block.body[at]), {}};
    at += 4;
    while (at < block.body.size() && block.body[at] != 0) {
      if (at + 2 > block.body.size()) return std::nullopt;
      const uint8_t item = block.body[at];
      const size_t length = block.body[at + 1];
      if (at + 2 + length > block.body.size()) return std::nullopt;
      if (item == 1) chunk.cname = {reinterpret_cast<const char*>(&block.body[at]) + 2, length};
      at += 2 + length;
    }
    at = (at / 4 + 1) * 4;  // the null item and padding to the next word
    chunks.push(chunk);
  }
  return chunks;
}

std::optional<BoundedList<uint32_t, 31>> parse_bye(const Block& block) {
  if (block.type != Type::bye || block.body.size() < size_t{block.count} * 4) return std::nullopt;
  BoundedList<uint32_t, 31> ssrcs;
  for (size_t i = 0; i < block.count; ++i) ssrcs.push(read_u32(&block.body[i * 4]));
  return ssrcs;
}

std::optional<FeedbackHeader> parse_feedback_header(const Block& block) {
  const bool feedback = block.type == Type::transport_feedback || block.type == Type::payload_feedback;
  if (!feedback || block.body.size() < 8) return std::nullopt;
  return header_of(block);
}

std::optional<Nack> parse_nack(const Block& block) {
  if (!is(block, Type::transport_feedback, kNack, 8)) return std::nullopt;
  Nack nack{{header_of(block)}, {}};
  for (size_t at = 8; at + 4 <= block.body.size(); at += 4) {
    const uint16_t first = read_u16(&block.body[at]);
    const uint16_t mask = read_u16(&block.body[at + 2]);
    nack.sequences.push(Seq16{first});
    for (int bit = 0; bit < 16; ++bit) {
      if (mask >> bit & 1) nack.sequences.push(Seq16{static_cast<uint16_t>(first + bit + 1)});
    }
  }
  return nack;
}

std::optional<FeedbackHeader> parse_pli(const Block& block) {
  if (!is(block, Type::payload_feedback, kPli, 8)) return std::nullopt;
  return header_of(block);
}

std::optional<Fir> parse_fir(const Block& block) {
  if (!is(block, Type::payload_feedback, kFir, 8)) return std::nullopt;
  Fir fir{{header_of(block)}, {}};
  for (size_t at = 8; at + 8 <= block.body.size(); at += 8) {
    fir.entries.push({read_u32(&block.body[at]), block.body[at + 4]});
  }
  return fir;
}

std::optional<Remb> parse_remb(const Block& block) {
  if (!is(block, Type::payload_feedback, kApplicationLayer, 16)) return std::nullopt;
  const uint8_t* p = block.body.data();
  if (p[8] != 'R' || p[9] != 'E' || p[10] != 'M' || p[11] != 'B') return std::nullopt;
  const size_t count = p[12];
  if (block.body.size() < 16 + count * 4) return std::nullopt;
  Remb remb{{header_of(block)}, scaled(read_u24(p + 13) & 0x3FFFF, p[13] >> 2), {}};
  for (size_t i = 0; i < count; ++i) remb.ssrcs.push(read_u32(p + 16 + i * 4));
  return remb;
}

std::optional<Tmmb> parse_tmmbr(const Block& block) {
  return parse_tmmb(block, kTmmbr);
}
std::optional<Tmmb> parse_tmmbn(const Block& block) {
  return parse_tmmb(block, kTmmbn);
}

/// `p`: the 32 bytes behind the block's header.
static VoipMetrics voip_metrics_at(const uint8_t* p) {
  const auto share = [](uint8_t byte) { return byte / 256.0; };
  VoipMetrics metrics;
  metrics.ssrc = read_u32(p);
  metrics.lost = share(p[4]);
  metrics.discarded = share(p[5]);
  metrics.burst_density = share(p[6]);
  metrics.gap_density = share(p[7]);
  metrics.burst_ms = read_u16(p + 8);
  metrics.gap_ms = read_u16(p + 10);
  metrics.round_trip_ms = read_u16(p + 12);
  metrics.end_system_ms = read_u16(p + 14);
  metrics.gmin = p[19];
  metrics.rating = p[20];
  metrics.listening_score = p[22] / 10.0;
  metrics.conversation_score = p[23] / 10.0;
  metrics.buffer_ms = read_u16(p + 26);
  metrics.buffer_most_ms = read_u16(p + 28);
  return metrics;
}

/// `flags`: which of the fields mean something; `p`: the 36 bytes behind the block's header.
static StatisticsSummary statistics_at(uint8_t flags, const uint8_t* p) {
  StatisticsSummary summary;
  summary.ssrc = read_u32(p);
  summary.begin = {read_u16(p + 4)};
  summary.end = {read_u16(p + 6)};
  if (flags & 0x80) summary.lost = read_u32(p + 8);
  if (flags & 0x40) summary.duplicates = read_u32(p + 12);
  if (flags & 0x20) summary.jitter = {read_u32(p + 16), read_u32(p + 20), read_u32(p + 24), read_u32(p + 28)};
  return summary;
}

std::optional<ExtendedReport> parse_extended_report(const Block& block) {
  if (block.type != Type::extended_report || block.body.size() < 4) return std::nullopt;
  ExtendedReport report{read_u32(block.body.data()), {}, {}, {}, {}};
  for (size_t at = 4; at + 4 <= block.body.size();) {
    const uint8_t kind = block.body[at], flags = block.body[at + 1];
    const size_t length = size_t{read_u16(&block.body[at + 2])} * 4;
    at += 4;
    if (at + length > block.body.size()) return std::nullopt;
    if (kind == kReceiverReferenceBlock && length >= 8) report.receiver_reference = NtpTime{read_u64(&block.body[at])};
    if (kind == kDlrrBlock) {
      for (size_t i = at; i + 12 <= at + length; i += 12) {
        report.dlrr.push({read_u32(&block.body[i]), read_u32(&block.body[i + 4]), read_u32(&block.body[i + 8])});
      }
    }
    if (kind == kVoipMetricsBlock && length >= 32) report.voip_metrics = voip_metrics_at(&block.body[at]);
    if (kind == kStatisticsBlock && length >= 36) report.statistics = statistics_at(flags, &block.body[at]);
    at += length;
  }
  return report;
}

}  // namespace partyline::rtp::rtcp
