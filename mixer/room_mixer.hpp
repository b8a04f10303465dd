// The mixer's face: frames in, frames out. An Engine owns the threads (one audio tick, one pool for decoders,
// compositors and encoders); a RoomMixer is one conference on it; a Member is one participant's inputs and what it
// hears and sees.
//
//   Member::audio_input ─▶ playout buffer ─▶ decode ─┐                      ┌─▶ encode (shared or own mix-minus) ─▶
//   FrameSink
//                                                    ├─▶ 20 ms audio tick ──┤
//   Member::video_input ─▶ decode (pool) ─▶ queue ───┴─▶ video tick, compose ─▶ one encode per rendition ─▶ FrameSinks
//
// Nobody hears himself: an output that belongs to a member gets the mix minus that member. Members that say nothing
// share one mix and one encoder. A room without outputs ticks nothing and decodes nothing. Thread: every method here
// from any thread; sinks and feedback are called on the mixer's threads and must not block. Deliberately not here: RTP,
// networks, who may join.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace partyline::mixer {

class LayoutCatalog;  // mixer/video/layout_plan.hpp
struct Decor;         // mixer/video/decor.hpp

struct EngineConfig {
  int worker_threads = 0;                                                                ///< 0: one a core
  std::string font = "Noto Sans, Noto Sans CJK SC, Noto Sans Arabic, Noto Color Emoji";  ///< Pango family list
  std::shared_ptr<const LayoutCatalog> layouts;                                          ///< null: grid and speaker
  bool governor = false;      ///< under overload do less, in the order of mixer/governor.hpp
  bool pass_through = false;  ///< what needs no mixing is neither decoded nor encoded
};

struct RoomConfig {
  std::string name;
  core::VideoSize canvas{1280, 720};  ///< even numbers
  int frames_per_second = 30;
  core::Bitrate video_bitrate = core::Bitrate::kbps(2000);
  core::Bitrate opus_bitrate = core::Bitrate::kbps(64);
  std::string layout = "grid";           ///< "auto" or one of the engine's layouts
  core::Duration cross_fade{};           ///< on a change of layout; 0: a cut
  std::shared_ptr<const Decor> decor{};  ///< null: none
  double comfort_noise_dbov = -127;      ///< what is heard while nobody speaks; -127: nothing
  bool stereo = false;                   ///< outputs of two channels keep apart what came in two
  bool expects_pictures = true;          ///< false: whoever makes it begin sends and sees none
};

/// What tells one video encode from another. Equal renditions share one encoder.
struct VideoRendition {
  core::Codec codec = core::Codec::h264;  ///< h264, vp8, or jpeg for stills
  core::VideoSize size{1280, 720};
  int frames_per_second = 30;
  core::Bitrate bitrate = core::Bitrate::kbps(2000);
  /// H.264: no NAL unit larger than this (packetization-mode 0 has no fragments); 0: one slice a picture.
  int max_nal_bytes = 0;
  /// Member::id() of the one whose picture it leaves out; 0: nobody's.
  uint64_t hidden_member = 0;
  auto operator<=>(const VideoRendition&) const = default;
};

/// How a video output joins the mix.
struct VideoOutputTraits {
  /// Its receiver cannot follow a change of size (a file says it in its head): its room keeps its size under overload,
  /// too.
  bool hold_size = false;
  /// Its receiver has time, or sees something else meanwhile: it begins when the mix is worth looking at, 400 ms later
  /// at most.
  bool may_wait = false;
};

/// What a receiver of video can take that we have not encoded ourselves.
struct PassLimits {
  uint8_t h264_profile_idc = 66;  ///< ITU-T H.264 A.2; 66: baseline
  uint8_t h264_level_idc = 31;    ///< level × 10
  bool operator==(const PassLimits&) const = default;
};

struct AudioFormat {
  core::Codec codec = core::Codec::opus;  ///< opus, g722, pcmu, pcma, aac (full mix only: 1024-sample frames)
  int channels = 1;                       ///< opus and aac: 1 or 2
  int packet_time_ms = 20;                ///< 10…60, multiples of the codec's step; ignored for aac
  core::Bitrate bitrate;                  ///< 0: the room's default
  int expected_loss = 0;                  ///< per cent; Opus: above 0 it carries in-band FEC
  auto operator<=>(const AudioFormat&) const = default;
};

/// What is done to a member's sound beside gain and mute.
struct VoiceProcessing {
  bool common_loudness = false;    ///< automatic gain
  bool noise_suppression = false;  ///< costs 10 ms of delay
  bool echo_guard = false;         ///< finds and turns down what we sent and comes back
  bool operator==(const VoiceProcessing&) const = default;
};

/// What is known beforehand about a member's sound.
enum class OwnSound : uint8_t {
  none,        ///< it has none, or is on hold: silence says nothing
  once_begun,  ///< it may have some; nothing is missing before the first packet
  expected,    ///< it has agreed to send some
  refused      ///< it has agreed to send none
};

struct MemberStats {
  bool speaking = false;
  bool self_muted = false;         ///< it cannot be heard because of itself, as set_own_sound() has it
  double audio_level_dbov = -127;  ///< last tick, before gain
  uint64_t audio_frames = 0, audio_concealed_ms = 0, audio_late_frames = 0, audio_decode_errors = 0;
  uint64_t audio_quiet_ms = 0;   ///< made up inside pauses: nobody heard it; not in audio_concealed_ms
  uint64_t audio_stretched = 0;  ///< pitch periods put in or taken out, to follow the network and the sender's clock
  uint64_t audio_fec_recovered = 0;  ///< lost frames played from the next packet's in-band FEC (Opus)
  uint64_t audio_red_recovered = 0;  ///< lost frames played from another packet's redundancy (RFC 2198)
  double playout_delay_ms = 0;       ///< depth of the playout buffer
  double loudness_gain_db = 0;       ///< what the automatic gain does now
  double echo_ms = 0;                ///< the member returns what it is sent after so long; 0: it does not
  uint64_t video_frames_decoded = 0, video_decode_errors = 0, video_frames_dropped = 0;
  uint64_t video_freezes = 0, video_frozen_ms = 0;  ///< as in WebRTC's statistics
  core::VideoSize video_size;
  core::TimePoint last_picture{};
};

struct RoomStats {
  int members = 0, audio_encoders = 0, video_encoders = 0, audio_outputs = 0, video_outputs = 0;
  int audio_passed = 0, video_passed = 0;  ///< outputs that get another member's stream as it is
  uint64_t audio_ticks = 0, audio_ticks_late = 0, video_ticks = 0, video_ticks_late = 0, frames_encoded = 0;
  bool mixing = false;
  double pool_seconds = 0;  ///< what the room took of the pool's time: decoding, composing, encoding
};

/// How the engine fares, and what it does about it.
struct EngineLoad {
  int threads = 0;
  double busy = 0;                ///< share of the pool's time in use during the last half second, 0 … 1
  bool governed = false;          ///< EngineConfig::governor
  bool accepts_rooms = true;      ///< false: what is there already is enough
  int step = 0;                   ///< how many cuts are made; 0: none
  std::vector<std::string> cuts;  ///< them in words
  core::TimePoint audio_ticked;   ///< when the audio tick was last woken; every 20 ms, or now without rooms
  core::TimePoint pool_ran;       ///< when the pool last did what is due at once; twice a second
};

using OutputId = uint64_t;

/// The sounds of somebody's coming and going.
enum class Tone : uint8_t { none, join, leave };

class Member {
 public:
  virtual ~Member() = default;  ///< leaving: removes its outputs and its tile; sinks are not called after it returns
  /// Where the member's received frames go. May be pushed from one thread at a time each; any codec at any time.
  virtual core::FrameSink& audio_input() = 0;
  virtual core::FrameSink& video_input() = 0;
  /// Where wishes about video_input go: for keyframes, and for no more bits than the size it is shown at needs. May be
  /// null.
  virtual void set_video_feedback(std::shared_ptr<core::MediaFeedback> feedback) = 0;
  /// The last packet of its picture came then, be it that nothing could be put together of it: who sends has not
  /// switched his camera off. Three seconds without frames and packets show the name tile until the next picture; a
  /// screen share stays.
  virtual void note_video_packets(core::TimePoint last) = 0;
  virtual void set_name(std::string name) = 0;         ///< the label on the tile, UTF-8
  virtual void set_video_expected(bool expected) = 0;  ///< false: a name tile; true: the same until the first picture
  virtual void set_muted(bool muted) = 0;              ///< its audio is not in the mix
  /// Who sends no sound, or nothing but digital silence for some seconds, has muted himself, and his tile says so.
  virtual void set_own_sound(OwnSound known) = 0;
  virtual void set_video_muted(bool muted) = 0;  ///< its picture is replaced by the name tile and not decoded
  virtual void set_gain_db(double gain) = 0;
  /// The member with this id() does not hear it, nor himself: it is what his own screen plays. 0: everybody hears it.
  virtual void set_unheard_by(uint64_t member) = 0;
  virtual void set_voice_processing(const VoiceProcessing& wanted) = 0;
  virtual void set_pinned(bool pinned) = 0;  ///< in the speaker's region of the layout, whoever speaks
  /// What this member hears (the mix minus itself) and sees.
  virtual core::Result<OutputId> add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) = 0;
  virtual core::Result<OutputId> add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink) = 0;
  virtual void remove_output(OutputId output) = 0;
  virtual MemberStats stats() const = 0;
  virtual uint64_t id() const = 0;  ///< in its room; never 0
};

struct MemberConfig {
  std::string name;
  bool visible = true;      ///< false: a listener without a tile
  bool presenting = false;  ///< a screen share
};

class RoomMixer {
 public:
  virtual ~RoomMixer() = default;
  virtual std::unique_ptr<Member> add_member(MemberConfig config) = 0;
  /// The whole mix, nobody left out (live outputs, the stream for pure viewers).
  virtual core::Result<OutputId> add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) = 0;
  virtual core::Result<OutputId> add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                                                  VideoOutputTraits traits = {}) = 0;
  virtual void remove_output(OutputId output) = 0;  ///< the sink is not called after it returns
  /// For any video output, of a member or of the room: its receiver needs a keyframe. Merged to one per 500 ms an
  /// encoder.
  virtual void request_keyframe(OutputId output) = 0;
  /// For any video output, and who looks at it (null: nobody in the room): while it would show nothing but one member's
  /// picture (of two members the other's, or that of the only publisher) and its receiver can take it, it gets that
  /// stream as it is, not decoded and not encoded. Changes over and back at keyframes. Sound is passed likewise where
  /// the codecs are the same and no picture is mixed.
  virtual void allow_pass_through(OutputId output, const Member* viewer, PassLimits limits) = 0;
  /// For any video output: what the way to its receiver carries. The encoder follows the slowest of its receivers, down
  /// to half the rendition's bitrate; whoever has less takes another rendition.
  virtual void set_output_target(OutputId output, core::Bitrate target) = 0;
  /// For any audio output, of a member or of the room: another bitrate or expected loss, and nothing else. Whoever is
  /// passed another member's packets goes on getting them.
  virtual core::Result<> set_audio_format(OutputId output, AudioFormat format) = 0;
  virtual core::Result<> set_layout(std::string layout) = 0;
  /// Everybody hears it; not while another one is heard.
  virtual void play(Tone tone) = 0;
  virtual RoomStats stats() const = 0;
};

class Engine {
 public:
  explicit Engine(EngineConfig config);
  ~Engine();  ///< all rooms must be gone
  std::unique_ptr<RoomMixer> create_room(RoomConfig config);
  EngineLoad load() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::mixer
