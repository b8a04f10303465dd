#include <algorithm>
#include <cstring>

#include "rtp/bytes.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp::rtcp {
namespace {

constexpr size_t kReportBlockBytes = 24;

void write_reports(uint8_t* p, const ReportBlocks& reports) {
  for (const ReportBlock& report : reports) {
    write_u32(p, report.ssrc);
    p[4] = report.fraction_lost;
    const int32_t lost = std::clamp(report.cumulative_lost, -0x800000, 0x7FFFFF);
    write_u24(p + 5, static_cast<uint32_t>(lost) & 0xFFFFFF);
    write_u32(p + 8, report.extended_highest_sequence);
    write_u32(p + 12, report.jitter);
    write_u32(p + 16, report.last_sender_report);
    write_u32(p + 20, report.delay_since_last);
    p += kReportBlockBytes;
  }
}

void write_header(uint8_t* p, const FeedbackHeader& header) {
  write_u32(p, header.sender_ssrc);
  write_u32(p + 4, header.media_ssrc);
}

/// The largest exponent form not above `value`: mantissa < 2^bits.
std::pair<uint32_t, uint32_t> exponent_and_mantissa(uint64_t value, unsigned bits) {
  uint32_t exponent = 0;
  while (value >> bits != 0) {
    value >>= 1;
    ++exponent;
  }
  return {exponent, static_cast<uint32_t>(value)};
}

}  // namespace

uint8_t* Writer::open(Type type, uint8_t count, size_t body) {
  if (out_.size() - size_ < 4 + body || body / 4 > 0xFFFF) return nullptr;
  uint8_t* p = &out_[size_];
  p[0] = static_cast<uint8_t>(0x80 | count);
  p[1] = static_cast<uint8_t>(type);
  write_u16(p + 2, static_cast<uint16_t>(body / 4));
  std::memset(p + 4, 0, body);
  size_ += 4 + body;
  return p + 4;
}

bool Writer::sender_report(const SenderReport& report) {
  uint8_t* p = open(Type::sender_report, static_cast<uint8_t>(report.reports.size()),
                    24 + report.reports.size() * kReportBlockBytes);
  if (!p) return false;
  write_u32(p, report.ssrc);
  write_u64(p + 4, report.ntp.value);
  write_u32(p + 12, report.rtp_time.value);
  write_u32(p + 16, report.packet_count);
  write_u32(p + 20, report.octet_count);
  write_reports(p + 24, report.reports);
  return true;
}

bool Writer::receiver_report(const ReceiverReport& report) {
  uint8_t* p = open(Type::receiver_report, static_cast<uint8_t>(report.reports.size()),
                    4 + report.reports.size() * kReportBlockBytes);
  if (!p) return false;
  write_u32(p, report.ssrc);
  write_reports(p + 4, report.reports);
  return true;
}

bool Writer::source_description(uint32_t ssrc, std::string_view cname) {
  cname = cname.substr(0, 255);
  // SSRC, item type and length, text, at least one null.
  uint8_t* p = open(Type::source_description, 1, (4 + 2 + cname.size() + 1 + 3) / 4 * 4);
  if (!p) return false;
  write_u32(p, ssrc);
  p[4] = 1;
  p[5] = static_cast<uint8_t>(cname.size());
  std::copy(cname.begin(), cname.end(), p + 6);
  return true;
}

bool Writer::bye(std::span<const uint32_t> ssrcs) {
  if (ssrcs.size() > 31) return false;
  uint8_t* p = open(Type::bye, static_cast<uint8_t>(ssrcs.size()), ssrcs.size() * 4);
  if (!p) return false;
  for (size_t i = 0; i < ssrcs.size(); ++i) write_u32(p + i * 4, ssrcs[i]);
  return true;
}

bool Writer::nack(const FeedbackHeader& header, std::span<const Seq16> sequences) {
  if (sequences.empty()) return false;
  BoundedList<std::pair<uint16_t, uint16_t>, kMaxNacks> pairs;
  for (const Seq16 sequence : sequences) {
    if (!pairs.empty()) {
      auto& [first, mask] = pairs[pairs.size() - 1];
      const auto offset = static_cast<uint16_t>(sequence.value - first);
      if (offset == 0) continue;
      if (offset <= 16) {
        mask = static_cast<uint16_t>(mask | 1u << (offset - 1));
        continue;
      }
    }
    if (!pairs.push({sequence.value, uint16_t{0}})) return false;
  }
  uint8_t* p = open(Type::transport_feedback, kNack, 8 + pairs.size() * 4);
  if (!p) return false;
  write_header(p, header);
  for (size_t i = 0; i < pairs.size(); ++i) {
    write_u16(p + 8 + i * 4, pairs[i].first);
    write_u16(p + 10 + i * 4, pairs[i].second);
  }
  return true;
}

bool Writer::pli(const FeedbackHeader& header) {
  uint8_t* p = open(Type::payload_feedback, kPli, 8);
  if (p) write_header(p, header);
  return p != nullptr;
}

bool Writer::fir(uint32_t sender_ssrc, const FirEntry& entry) {
  uint8_t* p = open(Type::payload_feedback, kFir, 16);
  if (!p) return false;
  write_header(p, {sender_ssrc, 0});  // §4.3.1.2: media SSRC is 0
  write_u32(p + 8, entry.ssrc);
  p[12] = entry.command;
  return true;
}

bool Writer::remb(uint32_t sender_ssrc, uint64_t bits_per_second, std::span<const uint32_t> ssrcs) {
  if (ssrcs.size() > 16) return false;
  uint8_t* p = open(Type::payload_feedback, kApplicationLayer, 16 + ssrcs.size() * 4);
  if (!p) return false;
  write_header(p, {sender_ssrc, 0});
  std::memcpy(p + 8, "REMB", 4);
  p[12] = static_cast<uint8_t>(ssrcs.size());
  const auto [exponent, mantissa] = exponent_and_mantissa(bits_per_second, 18);
  write_u24(p + 13, exponent << 18 | mantissa);
  for (size_t i = 0; i < ssrcs.size(); ++i) write_u32(p + 16 + i * 4, ssrcs[i]);
  return true;
}

bool Writer::tmmb(uint8_t format, uint32_t sender_ssrc, std::span<const TmmbEntry> entries) {
  if (entries.size() > 16) return false;
  uint8_t* p = open(Type::transport_feedback, format, 8 + entries.size() * 8);
  if (!p) return false;
  write_header(p, {sender_ssrc, 0});
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto [exponent, mantissa] = exponent_and_mantissa(entries[i].bits_per_second, 17);
    write_u32(p + 8 + i * 8, entries[i].ssrc);
    write_u32(p + 12 + i * 8, exponent << 26 | mantissa << 9 | (entries[i].overhead & 0x1FFu));
  }
  return true;
}

bool Writer::tmmbr(uint32_t sender_ssrc, const TmmbEntry& entry) {
  return tmmb(kTmmbr, sender_ssrc, {&entry, 1});
}
bool Writer::tmmbn(uint32_t sender_ssrc, std::span<const TmmbEntry> entries) {
  return tmmb(kTmmbn, sender_ssrc, entries);
}

bool Writer::receiver_reference(uint32_t ssrc, NtpTime ntp) {
  uint8_t* p = open(Type::extended_report, 0, 16);
  if (!p) return false;
  write_u32(p, ssrc);
  p[4] = 4;
  write_u16(p + 6, 2);
  write_u64(p + 8, ntp.value);
  return true;
}

bool Writer::dlrr(uint32_t ssrc, std::span<const DlrrEntry> entries) {
  if (entries.empty() || entries.size() > 16) return false;
  uint8_t* p = open(Type::extended_report, 0, 8 + entries.size() * 12);
  if (!p) return false;
  write_u32(p, ssrc);
  p[4] = 5;
  write_u16(p + 6, static_cast<uint16_t>(entries.size() * 3));
  for (size_t i = 0; i < entries.size(); ++i) {
    write_u32(p + 8 + i * 12, entries[i].ssrc);
    write_u32(p + 12 + i * 12, entries[i].last_receiver_report);
    write_u32(p + 16 + i * 12, entries[i].delay_since_last);
  }
  return true;
}

bool Writer::voip_metrics(uint32_t ssrc, const VoipMetrics& metrics) {
  constexpr uint8_t unavailable = 127, adaptive_and_enhanced = 0b10'11'0000;  // concealment and buffer
  uint8_t* p = open(Type::extended_report, 0, 40);
  if (!p) return false;
  const auto share = [](double value) { return static_cast<uint8_t>(std::clamp(value * 256, 0.0, 255.0)); };
  const auto tenths = [](double score) { return static_cast<uint8_t>(std::clamp(score * 10 + 0.5, 10.0, 50.0)); };
  write_u32(p, ssrc);
  p[4] = 7;
  write_u16(p + 6, 8);
  write_u32(p + 8, metrics.ssrc);
  p[12] = share(metrics.lost);
  p[13] = share(metrics.discarded);
  p[14] = share(metrics.burst_density);
  p[15] = share(metrics.gap_density);
  write_u16(p + 16, metrics.burst_ms);
  write_u16(p + 18, metrics.gap_ms);
  write_u16(p + 20, metrics.round_trip_ms);
  write_u16(p + 22, metrics.end_system_ms);
  p[24] = p[25] = p[26] = unavailable;  // signal, noise, echo return loss
  p[27] = metrics.gmin;
  p[28] = static_cast<uint8_t>(std::clamp(metrics.rating + 0.5, 0.0, 100.0));
  p[29] = unavailable;  // of an attached network
  p[30] = tenths(metrics.listening_score);
  p[31] = tenths(metrics.conversation_score);
  p[32] = adaptive_and_enhanced;
  write_u16(p + 34, metrics.buffer_ms);
  write_u16(p + 36, metrics.buffer_most_ms);
  write_u16(p + 38, metrics.buffer_most_ms);
  return true;
}

bool Writer::statistics_summary(uint32_t ssrc, const StatisticsSummary& summary) {
  uint8_t* p = open(Type::extended_report, 0, 44);
  if (!p) return false;
  const auto jitter = summary.jitter.value_or(StatisticsSummary::Jitter{});
  write_u32(p, ssrc);
  p[4] = 6;
  p[5] =
      static_cast<uint8_t>((summary.lost ? 0x80 : 0) | (summary.duplicates ? 0x40 : 0) | (summary.jitter ? 0x20 : 0));
  write_u16(p + 6, 9);
  write_u32(p + 8, summary.ssrc);
  write_u16(p + 12, summary.begin.value);
  write_u16(p + 14, summary.end.value);
  write_u32(p + 16, summary.lost.value_or(0));
  write_u32(p + 20, summary.duplicates.value_or(0));
  write_u32(p + 24, jitter.least);
  write_u32(p + 28, jitter.most);
  write_u32(p + 32, jitter.mean);
  write_u32(p + 36, jitter.deviation);
  return true;
}

}  // namespace partyline::rtp::rtcp
