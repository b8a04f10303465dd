// StreamRouter's inside, private to sfu/stream_router*.cpp. stream_router.cpp: who is there, and RTCP of and to the
// publisher; stream_router_feedback.cpp: RTCP of the players; stream_router_figures.cpp: how links fare;
// stream_router_audio.cpp: sound, its losses and redundancy; stream_router_video.cpp: video, layer by layer;
// stream_router_bandwidth.cpp: layers, paths and limits.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.hpp"
#include "core/random.hpp"
#include "rtp/expected_loss.hpp"
#include "rtp/jitter/silence_watch.hpp"
#include "sfu/player_path.hpp"
#include "sfu/report_times.hpp"
#include "sfu/simulcast.hpp"
#include "sfu/stream_router.hpp"

namespace partyline::sfu {

constexpr size_t kRtcpBytes = 1200;  // of one compound packet that the router sends

struct RouterCounters {
  core::Counter& malformed = core::counter("partyline_sfu_dropped_total", "reason=\"malformed\"");
  core::Counter& stranger = core::counter("partyline_sfu_dropped_total", "reason=\"unknown_ssrc\"");
  core::Counter& no_format = core::counter("partyline_sfu_dropped_total", "reason=\"player_lacks_codec\"");
  core::Counter& no_keyframe = core::counter("partyline_sfu_dropped_total", "reason=\"awaits_keyframe\"");
  core::Counter& early = core::counter("partyline_sfu_dropped_total", "reason=\"before_start\"");
  core::Counter& resend_gone = core::counter("partyline_sfu_resend_refused_total", "reason=\"not_kept\"");
  core::Counter& resend_limit = core::counter("partyline_sfu_resend_refused_total", "reason=\"limit\"");
  core::Counter& resent = core::counter("partyline_sfu_resent_total");
  core::Counter& padding = core::counter("partyline_sfu_padding_sent_total");
  core::Counter& redundant = core::counter("partyline_sfu_redundant_audio_sent_total");
  core::Counter& in = core::counter("partyline_sfu_packets_received_total");
  core::Counter& out = core::counter("partyline_sfu_packets_sent_total");
  core::Counter& keyframes_asked = core::counter("partyline_sfu_keyframes_requested_total");
  core::Counter& useless_rtx = core::counter("partyline_sfu_dropped_total", "reason=\"rtx_useless\"");
  core::Counter& rtcp_blocks = core::counter("partyline_sfu_dropped_total", "reason=\"rtcp_too_long\"");
  core::Counter& other_layer = core::counter("partyline_sfu_dropped_total", "reason=\"other_layer\"");
  core::Counter& layer_changes = core::counter("partyline_sfu_layer_changes_total");
  static RouterCounters& get() {
    static RouterCounters instance;
    return instance;
  }
};
inline RouterCounters& counters() {
  return RouterCounters::get();
}

/// The player's format for what is published, or null.
const OutgoingFormat* playable(const std::vector<OutgoingFormat>& formats, const IncomingFormat& incoming);

/// Sender reports of one track on their way to the players.
struct DueReports {
  bool due = false;        ///< the track has one that the players have not
  core::TimePoint last{};  ///< when they got the one before
};

/// One simulcast layer of a publisher; without simulcast the only one, and nameless.
struct StreamRouter::VideoLayer {
  VideoLayer(IncomingFormat format, std::string name, size_t number)
      : track(std::move(format)), rid(std::move(name)), index(number) {}
  IncomingTrack track;
  std::string rid;
  size_t index = 0;
  std::optional<uint32_t> rtx_ssrc;  ///< of its repetitions, with simulcast
  DueReports reports;
  KeyframeWish keyframe;
  rtp::SilenceWatch silence;
  uint8_t fir_command = 0;
  int64_t newest = 0;  ///< forwarded sequence
  // Bits a second, over half seconds.
  uint64_t bytes = 0;
  core::TimePoint counted_since{};
  double bits_per_second = 0;  ///< 0: not known yet
  double worth = 0;            ///< bits a second, of its picture's size
  /// A packet of the source that the layer's track has not seen yet.
  void note(size_t payload_bytes, core::TimePoint now);
  void count(core::TimePoint now);
  // Who says what a layer will be may be told to stop sending it while no player needs it.
  Simulcast::Promise promise;
  bool told_to_send = true;
  core::TimePoint told{};                  ///< when that changed
  std::optional<core::TimePoint> needed;   ///< last
  std::optional<core::TimePoint> refused;  ///< when it did not come although it was told to, last
  core::TimePoint next_order{};
  bool comes(core::TimePoint now) const { return track.ssrc() && now - track.last_packet() < kInactive; }
  bool on_demand() const { return track.format().tmmbr && promise.bits > 0 && promise.worth > 0; }
  /// What a player may choose: it comes, or would if it were asked for. Notes a refusal.
  LayerChoice::Layer offer(core::TimePoint now);
  static constexpr core::Duration kInactive = std::chrono::seconds(1);
};

struct StreamRouter::Source {
  PacketOut* out = nullptr;
  std::optional<IncomingTrack> audio;
  std::vector<std::unique_ptr<VideoLayer>> layers;  ///< in the offer's order
  uint64_t number = 0;
  uint32_t our_ssrc = core::random_u32();
  ArrivalLog arrivals;
  std::optional<rtp::rtcp::NtpTime> ntp_offset;  // from the publisher's clock to ours
  core::TimePoint next_arrivals{}, next_report{}, next_choice{}, next_limit{};
  std::optional<double> limit;  ///< it was told, bits a second
  int raises = 0;               ///< how often it will be told again that it was raised
  DueReports audio_reports;
  ReportTimes references;  ///< receiver reference times: who only receives learns the round trip by them
};

/// The share of the last hundreds of packets that a player asked for again: its reports tell less, because what is sent
/// again under its own number counts as received.
class AskedAgain {
 public:
  void on_sent(int64_t sequence) {
    share_ -= share_ * kWeight;
    asked_.reset(index(sequence));
  }
  void on_asked(int64_t sequence) {
    if (!asked_.test(index(sequence))) share_ += kWeight;
    asked_.set(index(sequence));
  }
  double share() const { return share_; }

 private:
  static constexpr double kWeight = 1.0 / 256;
  static size_t index(int64_t sequence) { return static_cast<uint64_t>(sequence) % IncomingTrack::kKeptSound; }
  std::bitset<IncomingTrack::kKeptSound> asked_;
  double share_ = 0;
};

struct StreamRouter::Player {
  static constexpr double kResendsPerSecond = 1000, kResendBurst = 400;  // packets
  Player(PlayerFormats f, PacketOut& o, core::TimePoint now)
      : formats(std::move(f)),
        out(&o),
        audio(formats.audio_ssrc, 48000, static_cast<uint16_t>(core::random_u32()), core::random_u32()),
        video(formats.video_ssrc, 90000, static_cast<uint16_t>(core::random_u32()), core::random_u32()),
        waiting_since(now),
        resends_at(now) {}

  /// The extension that numbers packets of this track; 0: not agreed.
  uint8_t transport_cc(const OutgoingTrack& track) const {
    return &track == &audio ? formats.audio_transport_cc : formats.video_transport_cc;
  }
  OutgoingTrack& track(core::MediaKind kind) { return kind == core::MediaKind::audio ? audio : video; }

  bool may_resend(core::TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - resends_at).count();
    resends = std::min(kResendBurst, resends + seconds * kResendsPerSecond);
    resends_at = now;
    if (resends < 1) return false;
    resends -= 1;
    return true;
  }

  /// Video: neither more than the path carries, nor again what may still be on its way. On a full path whatever is
  /// sent again is lost again, and asked for again.
  bool may_repeat(int64_t sequence, size_t bytes, core::TimePoint now) {
    Repeated& last = repeated[static_cast<uint64_t>(sequence) % repeated.size()];
    if (last.sequence == sequence && now - last.at < path.round_trip().value_or(core::Duration{}) / 2) return false;
    if (!may_resend(now) || !path.may_resend(bytes, now)) return false;
    last = {sequence, now};
    return true;
  }

  PlayerFormats formats;
  PacketOut* out;
  OutgoingTrack audio, video;
  uint64_t waiting_epoch = 0;  // of the video source whose keyframe is awaited
  core::TimePoint waiting_since;
  uint16_t rtx_sequence = static_cast<uint16_t>(core::random_u32());
  double resends = kResendBurst;
  core::TimePoint resends_at;
  struct Repeated {
    int64_t sequence = -1;  // the source's
    core::TimePoint at;
  };
  std::array<Repeated, 256> repeated{};
  // What it says of the sound it gets.
  rtp::ExpectedLoss sound_loss;
  double sound_lost = 0;  ///< last report
  AskedAgain sound_asked;
  core::TimePoint sound_reported{};
  /// Bits a second that its path carries beside the layer it gets; nothing: as many as there are.
  std::optional<double> sound_room;
  // Layers.
  LayerChoice choice;
  PictureRenumbering renumbering;
  std::optional<double> wish;                   ///< bits a second, by TMMBR: what it has a use for
  core::TimePoint wish_heard{};                 ///< the last one that the choice was hastened for
  std::optional<rtp::rtcp::TmmbEntry> bound{};  ///< of the packet that is being read
  PlayerPath path;
  // Sent to it, over half seconds.
  uint64_t counted_octets = 0;
  core::TimePoint counted_since{};
  void count_sent(core::TimePoint now);
  struct Change {
    size_t layer = 0;
    int64_t sequence = 0;  ///< where its keyframe begins
    core::TimePoint since{};
  };
  std::optional<Change> change;  ///< waits for the end of the picture that is under way
  bool mid_picture = false;
  // How its link fares, beside what the tracks count.
  rtp::TrackStats audio_told, video_told;
  ReportTimes reports;
  std::optional<rtp::rtcp::DlrrEntry> reference;  ///< of the packet that is being read; to be answered
  std::optional<uint32_t> keyframe_time;          ///< of the last one that was sent
};

}  // namespace partyline::sfu
