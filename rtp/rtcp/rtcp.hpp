// RTCP: reading compound and reduced-size packets (RFC 3550 §6, RFC 5506) and building them.
//
//    0                   1                   2                   3
//   |V=2|P| RC/FMT  |      PT       |      length in words − 1      |
//   |                  SSRC of the packet's sender                  |  … body
//
//   200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP (skipped), 205 RTPFB (1 NACK, 3 TMMBR, 4 TMMBN, 15 transport-cc),
//   206 PSFB (1 PLI, 4 FIR, 15 REMB), 207 XR (4 RRTR, 5 DLRR, 6 statistics, 7 VoIP)
//
// A Reader walks the blocks; a typed parse_… turns one block into values. Lists that a peer could make long are
// fixed-size or cut at a stated maximum; nothing allocates except TransportFeedback's reused vector.
// Thread: pure functions and plain values. Sources: RFC 3550, 3611, 4585, 5104, draft-alvestrand-rmcat-remb-03,
// draft-holmer-rmcat-transport-wide-cc-extensions-01.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rtp/wire_types.hpp"

namespace partyline::rtp::rtcp {

enum class Type : uint8_t {
  sender_report = 200,
  receiver_report = 201,
  source_description = 202,
  bye = 203,
  application = 204,
  transport_feedback = 205,
  payload_feedback = 206,
  extended_report = 207,
};

inline constexpr uint8_t kNack = 1, kTmmbr = 3, kTmmbn = 4, kTransportCc = 15;  // FMT of transport_feedback
inline constexpr uint8_t kPli = 1, kFir = 4, kApplicationLayer = 15;            // FMT of payload_feedback

/// A list of at most N values, kept in place. push() beyond N is refused.
template <class T, size_t N>
class BoundedList {
 public:
  bool push(const T& value) {
    if (size_ == N) return false;
    items_[size_++] = value;
    return true;
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t i) const { return items_[i]; }
  T& operator[](size_t i) { return items_[i]; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }

 private:
  std::array<T, N> items_{};
  size_t size_ = 0;
};

/// One RTCP packet of a compound.
struct Block {
  Type type = Type::receiver_report;
  uint8_t count = 0;              ///< RC, SC or FMT
  std::span<const uint8_t> body;  ///< behind the 4-byte header, without padding
};

/// `for (Reader r(packet); auto block = r.next();)`. Ends at the first malformed block; malformed() says so.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> packet) : rest_(packet) {}
  std::optional<Block> next();
  bool malformed() const { return malformed_; }

 private:
  std::span<const uint8_t> rest_;
  bool malformed_ = false;
};

/// NTP time, 32.32 fixed point seconds. The epoch of our own senders is the media clock's: receivers use differences
/// only.
struct NtpTime {
  uint64_t value = 0;
  uint32_t middle() const { return static_cast<uint32_t>(value >> 16); }
  friend bool operator==(NtpTime, NtpTime) = default;
};
std::chrono::nanoseconds to_duration(NtpTime ntp);
NtpTime to_ntp(std::chrono::nanoseconds since_epoch);
/// Units of 1/65536 s, as in LSR, DLSR and DLRR.
std::chrono::nanoseconds compact_to_duration(uint32_t compact);
uint32_t to_compact(std::chrono::nanoseconds duration);

struct ReportBlock {
  uint32_t ssrc = 0;  ///< of the source reported on
  uint8_t fraction_lost = 0;
  int32_t cumulative_lost = 0;  ///< 24 bits on the wire
  uint32_t extended_highest_sequence = 0;
  uint32_t jitter = 0;              ///< RTP time units
  uint32_t last_sender_report = 0;  ///< middle 32 bits of its NTP; 0: none
  uint32_t delay_since_last = 0;    ///< 1/65536 s
};
using ReportBlocks = BoundedList<ReportBlock, 31>;

struct SenderReport {
  uint32_t ssrc = 0;
  NtpTime ntp;
  RtpTime32 rtp_time;
  uint32_t packet_count = 0, octet_count = 0;
  ReportBlocks reports;
};
struct ReceiverReport {
  uint32_t ssrc = 0;
  ReportBlocks reports;
};
struct CnameChunk {
  uint32_t ssrc = 0;
  std::string_view cname;  ///< a view into the packet; empty: the chunk had none
};
using CnameChunks = BoundedList<CnameChunk, 31>;

/// Header of every feedback message (RFC 4585 §6.1).
struct FeedbackHeader {
  uint32_t sender_ssrc = 0, media_ssrc = 0;
};
inline constexpr size_t kMaxNacks = 512;
struct Nack : FeedbackHeader {
  BoundedList<Seq16, kMaxNacks> sequences;  ///< lost packets, in the order written
};
struct FirEntry {
  uint32_t ssrc = 0;
  uint8_t command = 0;  ///< a repetition has the same number (RFC 5104 §4.3.1)
};
struct Fir : FeedbackHeader {
  BoundedList<FirEntry, 16> entries;
};
struct Remb : FeedbackHeader {
  uint64_t bits_per_second = 0;
  BoundedList<uint32_t, 16> ssrcs;
};
struct TmmbEntry {
  uint32_t ssrc = 0;  ///< TMMBR: whose media is bounded; TMMBN: who asked for this bound
  uint64_t bits_per_second = 0;
  uint16_t overhead = 0;  ///< bytes a packet
};
struct Tmmb : FeedbackHeader {  ///< TMMBR and TMMBN
  BoundedList<TmmbEntry, 16> entries;
};
/// transport-cc: what arrived of [base, base + packets.size()).
struct TransportFeedback : FeedbackHeader {
  struct Packet {
    bool received = false;
    std::chrono::microseconds delta{0};  ///< since the previous received packet (the first: since reference)
  };
  Seq16 base;
  uint8_t count = 0;                       ///< of feedback messages, wraps
  std::chrono::microseconds reference{0};  ///< multiples of 64 ms, 24 bits signed
  std::vector<Packet> packets;             ///< at most 2048
};
inline constexpr size_t kMaxTransportFeedback = 2048;

struct DlrrEntry {
  uint32_t ssrc = 0;
  uint32_t last_receiver_report = 0;  ///< middle 32 bits of the RRTR
  uint32_t delay_since_last = 0;      ///< 1/65536 s
};
/// RFC 3611 §4.7. Shares are 0…1, lengths in ms; what is not here is written as unavailable.
struct VoipMetrics {
  uint32_t ssrc = 0;  ///< of the source reported on
  double lost = 0, discarded = 0, burst_density = 0, gap_density = 0;
  uint16_t burst_ms = 0, gap_ms = 0, round_trip_ms = 0, end_system_ms = 0;
  uint8_t gmin = 16;
  double rating = 0, listening_score = 1, conversation_score = 1;  ///< R 0…100, MOS 1…5
  uint16_t buffer_ms = 0, buffer_most_ms = 0;                      ///< playout buffer: now, and at its deepest
  friend bool operator==(const VoipMetrics&, const VoipMetrics&) = default;
};
/// RFC 3611 §4.6, of the packets begin … end - 1; what was not asked for is left out. TTLs are not told.
struct StatisticsSummary {
  struct Jitter {
    uint32_t least = 0, most = 0, mean = 0, deviation = 0;  ///< of |D| (RFC 3550 §6.4.1), RTP time
    friend bool operator==(const Jitter&, const Jitter&) = default;
  };
  uint32_t ssrc = 0;  ///< of the source reported on
  Seq16 begin, end;
  std::optional<uint32_t> lost, duplicates;
  std::optional<Jitter> jitter;
  friend bool operator==(const StatisticsSummary&, const StatisticsSummary&) = default;
};
struct ExtendedReport {
  uint32_t ssrc = 0;
  std::optional<NtpTime> receiver_reference;
  BoundedList<DlrrEntry, 16> dlrr;
  std::optional<VoipMetrics> voip_metrics;
  std::optional<StatisticsSummary> statistics;
};

// Each returns nothing when the block is of another type or malformed.
std::optional<SenderReport> parse_sender_report(const Block& block);
std::optional<ReceiverReport> parse_receiver_report(const Block& block);
std::optional<CnameChunks> parse_source_description(const Block& block);
std::optional<BoundedList<uint32_t, 31>> parse_bye(const Block& block);
std::optional<FeedbackHeader> parse_feedback_header(const Block& block);
std::optional<Nack> parse_nack(const Block& block);
std::optional<FeedbackHeader> parse_pli(const Block& block);
std::optional<Fir> parse_fir(const Block& block);
std::optional<Remb> parse_remb(const Block& block);
std::optional<Tmmb> parse_tmmbr(const Block& block);
std::optional<Tmmb> parse_tmmbn(const Block& block);
bool parse_transport_feedback(const Block& block, TransportFeedback& out);
std::optional<ExtendedReport> parse_extended_report(const Block& block);

/// Appends blocks to one compound packet. Each call returns false, and changes nothing, when its block does not fit.
class Writer {
 public:
  explicit Writer(std::span<uint8_t> out) : out_(out) {}

  bool sender_report(const SenderReport& report);
  bool receiver_report(const ReceiverReport& report);
  /// `cname` is cut at 255 bytes.
  bool source_description(uint32_t ssrc, std::string_view cname);
  bool bye(std::span<const uint32_t> ssrcs);
  /// `sequences` in ascending (unwrapped) order pack best.
  bool nack(const FeedbackHeader& header, std::span<const Seq16> sequences);
  bool pli(const FeedbackHeader& header);
  bool fir(uint32_t sender_ssrc, const FirEntry& entry);
  bool remb(uint32_t sender_ssrc, uint64_t bits_per_second, std::span<const uint32_t> ssrcs);
  bool tmmbr(uint32_t sender_ssrc, const TmmbEntry& entry);
  bool tmmbn(uint32_t sender_ssrc, std::span<const TmmbEntry> entries);
  bool transport_feedback(const TransportFeedback& feedback);
  bool receiver_reference(uint32_t ssrc, NtpTime ntp);
  bool dlrr(uint32_t ssrc, std::span<const DlrrEntry> entries);
  bool voip_metrics(uint32_t ssrc, const VoipMetrics& metrics);
  bool statistics_summary(uint32_t ssrc, const StatisticsSummary& summary);

  std::span<const uint8_t> packet() const { return out_.first(size_); }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

 private:
  /// Room for a block of `body` bytes behind its header, or null.
  uint8_t* open(Type type, uint8_t count, size_t body);
  bool tmmb(uint8_t format, uint32_t sender_ssrc, std::span<const TmmbEntry> entries);

  std::span<uint8_t> out_;
  size_t size_ = 0;
};

}  // namespace partyline::rtp::rtcp
