// Session's inside, private to rtp/session*.cpp: one Track a media section, and the Impl that routes between them.
// session.cpp: time; session_configure.cpp: life and negotiation; session_receive.cpp: RTP in; session_send.cpp: RTP
// out; session_rtx.cpp: repetition both ways; session_rtcp.cpp: RTCP both ways; session_extended.cpp: its extended
// reports; session_bandwidth.cpp: bitrates.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.hpp"
#include "core/random.hpp"
#include "core/ring.hpp"
#include "rtp/bandwidth/receive_bandwidth.hpp"
#include "rtp/bandwidth_estimator.hpp"
#include "rtp/expected_loss.hpp"
#include "rtp/jitter/audio_losses.hpp"
#include "rtp/jitter/frame_assembler.hpp"
#include "rtp/jitter/keyframe_requester.hpp"
#include "rtp/jitter/loss_runs.hpp"
#include "rtp/jitter/receive_stream.hpp"
#include "rtp/jitter/reception_summary.hpp"
#include "rtp/jitter/reorder_buffer.hpp"
#include "rtp/jitter/silence_watch.hpp"
#include "rtp/outbox.hpp"
#include "rtp/pacer.hpp"
#include "rtp/payload/payload_plan.hpp"
#include "rtp/payload/red.hpp"
#include "rtp/payload/red_places.hpp"
#include "rtp/payload/telephone_event.hpp"
#include "rtp/remote_clock.hpp"
#include "rtp/send_stream.hpp"
#include "rtp/session.hpp"
#include "rtp/transport_congestion.hpp"
#include "rtp/transport_feedback.hpp"

namespace partyline::rtp {

/// Looked up once a process.
struct SessionCounters {
  core::Counter& malformed;
  core::Counter& unknown_payload;
  core::Counter& unknown_ssrc;
  core::Counter& probation;
  core::Counter& not_receiving;
  core::Counter& duplicate;
  core::Counter& late;
  core::Counter& broken_frame;
  core::Counter& before_keyframe;
  core::Counter& without_parameter_sets;
  core::Counter& undecodable;
  core::Counter& not_sending;
  core::Counter& nal_too_large;
  core::Counter& rtcp_malformed;
  core::Counter& rtcp_unknown_ssrc;
  core::Counter& sender_report_ignored;
  core::Counter& resend_missing;
  core::Counter& rtx_padding;
  core::Counter& rtx_useless;
  core::Counter& resend_over_budget;
  core::Counter& keyframe_under_way;
  static const SessionCounters& get();
};

/// What a peer that wants VoIP metrics is told of its source (RFC 3611 §4.7); anew with each source.
struct VoiceFigures {
  LossRuns loss_runs;
  int64_t packet_units = 0;  ///< RTP time between the last two packets of sound in a row
  struct Packet {
    int64_t sequence = 0, time = 0;
  };
  std::optional<Packet> last;                     ///< of sound, where the next step tells a packet's length
  uint64_t received_before = 0, late_before = 0;  ///< packets, when it began
};

struct Track {
  Track(TrackConfig with, RemoteClock& clock);
  bool video() const { return config.kind == core::MediaKind::video; }
  const PayloadFormat* format_of(uint8_t payload_type) const;
  bool knows(uint8_t payload_type) const {
    return format_of(payload_type) != nullptr || config.telephone_event == payload_type || config.red == payload_type;
  }
  bool has_remote_ssrc(uint32_t ssrc) const;
  /// The number of an audio packet among audio packets only.
  int64_t audio_number(int64_t sequence) const {
    if (events_folded == 0) return sequence;
    const auto later = std::ranges::count_if(event_sequences, [&](int64_t s) { return s > sequence; });
    return sequence - events_folded + later;
  }
  /// The newest packet is an event's; what is missing between it and the one before was one, too.
  void fold_event(int64_t sequence, uint32_t event_time);
  /// Feedback agreed for what is being received.
  bool nack() const { return last_format && last_format->nack; }
  uint32_t rtx_ssrc();
  /// The peer's source, or the one the SDP promised, or 0.
  uint32_t remote_ssrc() const;

  TrackConfig config;
  // What every packet of sound needs comes first, side by side: a thousand tracks do not fit into the caches.
  bool was_sending = false;  ///< BYE is due for it
  bool sending_red = false;  ///< the packet being planned
  RtpTime32 last_time;       ///< of the last picture: padding repeats it
  SendStream out;
  std::optional<core::TimePoint> next_report;
  TrackStats stats;
  uint64_t repaired_apart = 0;  ///< by RTX or RED: the stream's own numbers know nothing of it
  RemoteClock::StreamId clock_id = 0;
  int candidate_packets = 0;
  bool source_gone = false;   ///< the peer said BYE
  int64_t events_folded = 0;  ///< event packets taken out of the audio numbering
  std::optional<int64_t> highest_audio;
  std::optional<core::TimePoint> first_packet;
  std::optional<PayloadFormat> last_format;
  ReceiveStream in;
  // Receiving.
  uint32_t candidate_ssrc = 0;  ///< another source on probation
  uint16_t candidate_sequence = 0;
  TelephoneEventReceiver events_in;
  std::array<int64_t, 16> event_sequences{};  ///< of the last of events_folded
  uint32_t event_time = 0;                    ///< RTP timestamp of the last one
  std::array<int64_t, 16> recovered{};        ///< sequence numbers taken from redundancy, a ring
  size_t recovered_count = 0;
  RedPlaces places;
  AudioLosses audio_losses;
  VoiceFigures voice;        ///< where the peer wants to know
  ReceptionSummary summary;  ///< the same
  ReorderBuffer reorder;
  FrameAssembler assembler;
  FrameAssembler::Drops drops_counted;
  KeyframeRequester keyframes;
  SilenceWatch silence;
  ReceiveBandwidth rate_in;
  std::optional<core::Bitrate> asked;  ///< of the sender, by REMB or TMMBR
  core::TimePoint asked_at, next_ask;
  uint8_t fir_command = 0;
  // XR: the peer's receiver reference time, to be answered (RFC 3611 §4.5).
  std::optional<rtcp::DlrrEntry> reference;
  core::TimePoint reference_at;
  // Sending.
  Pacer pacer;
  uint16_t picture_id = 0;
  struct SecondCopy {
    Seq16 sequence;
    core::TimePoint due;
  };
  core::Ring<SecondCopy> second_copies;  ///< of packets resent
  uint16_t rtx_sequence = static_cast<uint16_t>(core::random_u32());
  uint32_t own_rtx_ssrc = 0;  ///< where the configuration has none
  int reports_sent = 0;
  std::optional<core::TimePoint> keyframe_left;  ///< the last one sent
  // RED: what was sent last, newest first, and what the peer's reports ask for.
  struct SentAudio {
    core::Buffer buffer;
    std::span<const uint8_t> data;
    int64_t rtp_time = 0;
  };
  std::array<SentAudio, 2> sent_audio;
  ExpectedLoss expected_loss;
};

/// A − LSR − DLSR (RFC 3550 §6.4.1, RFC 3611 §4.5), modulo the middle of NTP; nothing when that is no sane answer.
std::optional<core::Duration> round_trip_of(uint32_t last_report, uint32_t delay, core::TimePoint now);

/// A name of the SDP (mid, rid) as a header extension; extension 0: not agreed.
void add_name(PacketWriter& writer, uint8_t extension, std::string_view name);

struct Session::Impl {
  Impl(SessionConfig with, SessionEvents& events, core::TimePoint now);
  ~Impl();

  // session_configure.cpp
  void reconfigure(std::vector<TrackConfig> configs, core::TimePoint now, Path path);
  void adopt(Track& track, TrackConfig wanted, core::TimePoint now);
  void begin_estimate();
  void forget_path();
  void forget_what_is_told_no_more();

  // session.cpp
  core::TimePoint tick(core::TimePoint now);
  void flush() { outbox.flush(); }
  core::Duration retry_interval() const;
  /// True where a repair that is lost again would be seen as a freeze.
  bool lossy_and_long(double loss) const;
  /// A sample; `measured`: from reports, which outdo what recoveries suggest.
  void on_round_trip(core::Duration sample, bool measured);

  // session_receive.cpp
  struct AudioArrival : ReceiveStream::Arrival {
    bool repeated = false;  ///< asked for, and sent again
  };
  void receive_rtp(core::Buffer packet, core::TimePoint now);
  Track* route(const PacketView& view);
  bool accept_source(Track& track, const PacketView& view, const PayloadFormat* format, core::TimePoint now);
  void receive_event(Track& track, const PacketView& view, const ReceiveStream::Arrival& arrival, core::TimePoint now);
  void receive_audio(Track& track, core::Buffer packet, const PacketView& view, const RedPacket* red,
                     const AudioArrival& arrival, core::TimePoint now);
  void receive_redundancy(Track& track, const core::Buffer& packet, const RedPacket& red, int64_t sequence,
                          int64_t rtp_time, core::TimePoint now);
  void receive_video(Track& track, core::Buffer packet, const PacketView& view, const ReceiveStream::Arrival& arrival,
                     core::TimePoint now);
  void store_video(Track& track, VideoPacket video, core::TimePoint now);
  void service_video(Track& track, core::TimePoint now);
  bool resume_behind_loss(Track& track, core::TimePoint now);
  void mend_after_black_out();
  int64_t media_time(Track& track, const PacketView& view, core::TimePoint now);
  bool note_audio_loss(Track& track, const ReceiveStream::Arrival& arrival, core::TimePoint now);

  // session_send.cpp
  bool send(const core::EncodedFrame& frame, core::TimePoint now);
  void send_packet(Track& track, const PacketHeader& header, std::span<const PayloadPlan::Piece> pieces,
                   std::optional<uint8_t> audio_level, core::TimePoint now);
  void note_for_reports(const Track& track, std::span<const uint8_t> packet, core::TimePoint now);
  void transmit(Track& track, core::Buffer packet, core::TimePoint now);
  void pace(Track& track, core::TimePoint now);
  bool plan(Track& track, const core::EncodedFrame& frame);
  void plan_audio(Track& track, const core::EncodedFrame& frame);

  // session_bandwidth.cpp
  void announce_target(core::TimePoint now);
  void set_peer_limit(std::optional<core::Bitrate> limit);
  std::optional<core::Bitrate> allowed_for_new(core::TimePoint now) const;
  void send_padding(core::TimePoint now);
  void ask_for_bitrate(Track& track, core::TimePoint now);

  // session_rtx.cpp
  Track* repeated_track(const PacketView& view);
  void receive_rtx(Track& track, core::Buffer packet, PacketView view, core::TimePoint now);
  void resend(Track& track, const rtcp::Nack& nack, core::TimePoint now);
  void send_second_copies(Track& track, core::TimePoint now);
  bool repeat(Track& track, const core::Buffer& packet, core::TimePoint now);

  // session_rtcp.cpp
  void receive_rtcp(std::span<const uint8_t> packet, core::TimePoint now);
  void receive_report_blocks(const rtcp::ReportBlocks& blocks, core::TimePoint now);
  void receive_sender_report(const rtcp::SenderReport& report, core::TimePoint now);
  void receive_transport_block(const rtcp::Block& block, core::TimePoint now);
  void receive_bounds(const rtcp::Tmmb& request);
  void receive_payload_block(const rtcp::Block& block, core::TimePoint now);
  void receive_bye(const rtcp::Block& block);
  void keyframe_wanted_by_peer(uint32_t ssrc, core::TimePoint now);
  void send_reports(Track& track, core::TimePoint now);
  void send_nacks(Track& track, core::TimePoint now);
  void send_audio_nacks(Track& track, core::TimePoint now);
  void push_nack(Track& track, std::span<const Seq16> missing);
  void send_keyframe_request(Track& track, core::TimePoint now);
  void send_speculative_request(Track& track, core::TimePoint now);
  void push_keyframe_request(Track& track);
  void send_transport_feedback(core::TimePoint now);
  void send_bye(core::TimePoint now);
  void count_unknown(uint32_t ssrc);
  /// Begins a feedback message: alone where reduced size is agreed, else behind an RR and CNAME (RFC 4585 §3.1).
  void open_feedback(const Track& track, rtcp::Writer& writer) const;
  void push_rtcp(const rtcp::Writer& writer);
  Track* sender_of(uint32_t ssrc);
  Track* receiver_of(uint32_t ssrc);
  Track* video_sender();

  // session_extended.cpp
  void receive_extended(const rtcp::ExtendedReport& report, core::TimePoint now);
  void begin_voice_figures(Track& track) const;
  void note_arrival(Track& track, const ReceiveStream::Arrival& arrival, Seq16 wire);
  void note_packet_time(Track& track, int64_t sequence, int64_t rtp_time, bool noise);
  void write_extended(Track& track, bool sending, bool received, rtcp::Writer& writer, core::TimePoint now);
  void write_voip_metrics(const Track& track, rtcp::Writer& writer) const;

  SessionConfig config;
  Outbox outbox;
  const SessionCounters& counters;
  std::shared_ptr<RemoteClock> clock;
  std::vector<std::unique_ptr<Track>> tracks;
  std::vector<FrameAssembler::Picture> pictures;
  // Congestion.
  std::shared_ptr<TransportCongestion> congestion;  ///< never null
  std::optional<core::Bitrate> share;               ///< of a shared one
  ArrivalRecorder arrivals;
  std::optional<core::TimePoint> next_transport_feedback;
  rtcp::TransportFeedback feedback;  ///< received or to be sent: its room is kept
  BandwidthEstimator& estimator;
  std::optional<core::Bitrate> peer_limit;  ///< REMB or TMMBR
  std::optional<core::Bitrate> announced;
  bool announce_again = false;  ///< though it is the same
  core::Bitrate receive_wish;   ///< 0: none
  core::TimePoint heard{};      ///< anything of the peer
  std::optional<core::Duration> round_trip;
  core::Duration round_trip_variation{};  ///< mean deviation
  bool round_trip_measured = false;
  core::Duration playout_delay{};  ///< as the owner told
  uint64_t playout_late = 0;       ///< the same
};

}  // namespace partyline::rtp
