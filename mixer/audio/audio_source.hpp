// AudioSource: one member's sound on its way into the mix. The network thread pushes packets whenever they come; each
// 20 ms tick pulls exactly 20 ms, and the source decides where they come from.
//
//   push ─▶ FrameBox ─▶ order, late? ─▶ PlayoutQueue ─▶ decode / FEC / conceal / silence ─▶ pcm ─▶ tick ─▶ block
//                         └─▶ DelayWindow ───────────────── take a period out, put one in ──▶ ┘
//
// Samples stay at the codec's own rate (8, 16 or 48 kHz): whoever mixes decides what must be resampled. Times are
// counted in 48 kHz samples whatever the rate.
//
//   idle ──packet, held for its jitter margin──▶ playing ──120 ms without a packet, or a jump──▶ idle
//
// Time is the sender's: a gap in sequence numbers is loss (filled by Opus' in-band FEC or concealment), a gap in time
// without one is DTX (filled quietly, or with the noise that the sender described: RFC 3389), a late packet moves what
// follows it back and is worked off later. Clock skew shows as packets that creep over the tick grid and is worked off
// the same way, a pitch period at a time.
//
//   block ─▶ noise suppression? ─▶ level, gate ─▶ × gain × loudness (GainControl) × echo (EchoGuard), along a ramp
//
// While the gate is shut, packets of a codec that is dear to decode are left out where they say that they are silent
// (DecodeGate): zeros stand for them, and the level of the last one that was decoded goes on.
//
// Thread: push(), set_…, hears_at() and stats() from any; tick() and the flags behind it from the audio tick. What a
// codec needs is made with its first packet, by whoever pushes it: the tick takes no memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/frame.hpp"
#include "mixer/audio/activity.hpp"
#include "mixer/audio/comfort_noise.hpp"
#include "mixer/audio/decode_gate.hpp"
#include "mixer/audio/delay_window.hpp"
#include "mixer/audio/echo_guard.hpp"
#include "mixer/audio/frame_box.hpp"
#include "mixer/audio/gain_control.hpp"
#include "mixer/audio/noise_suppressor.hpp"
#include "mixer/audio/own_mute.hpp"
#include "mixer/audio/pcm.hpp"
#include "mixer/audio/playout_queue.hpp"
#include "mixer/audio/repeater.hpp"
#include "mixer/audio/resampler.hpp"
#include "mixer/audio/side_channel.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {

struct AudioSourceStats {
  bool speaking = false;
  bool self_muted = false;  ///< see OwnMute
  double level_dbov = -127;
  uint64_t frames = 0, concealed_ms = 0, late_frames = 0, decode_errors = 0;
  uint64_t quiet_ms = 0;       ///< made up inside a pause: nobody heard it; not in concealed_ms
  uint64_t fec_recovered = 0;  ///< lost packets whose sound came from the next one
  uint64_t red_recovered = 0;  ///< lost packets that came with another one (RFC 2198)
  uint64_t stretched = 0;      ///< periods put in or taken out
  uint64_t left_out = 0;       ///< packets that were not decoded: nobody could have heard them
  double buffered_ms = 0;      ///< arrival to tick, smoothed
  double gain_db = 0;          ///< what GainControl adds
  double echo_ms = 0;          ///< what we send comes back after so long; 0: it does not
};

class AudioSource final : public core::FrameSink {
 public:
  /// `stereo`: what comes in two channels is not only folded.
  explicit AudioSource(uint64_t member, bool stereo = false);

  void push(const core::EncodedFrame& frame) override;
  /// Of push().
  void add_footprint(core::Footprint& footprint) const {
    box_.add_footprint(footprint);
    footprint.add(formats_made_);
  }
  void set_open(bool open) { box_.set_open(open); }
  void set_muted(bool muted) { muted_.store(muted, std::memory_order_relaxed); }
  void set_own_sound(OwnSound known) { own_sound_.store(known, std::memory_order_relaxed); }
  void set_gain(float factor) { gain_.store(factor, std::memory_order_relaxed); }
  void set_processing(const VoiceProcessing& wanted);
  /// The member hears a mix at this rate (Hz), out of which its own sound is taken: samples_at() will be asked for.
  void hears_at(int rate);
  AudioSourceStats stats() const;
  uint64_t member() const { return member_; }
  bool muted() const { return muted_.load(std::memory_order_relaxed); }
  /// Something is done to its sound that is more than evening out its loudness.
  bool altered() const {
    return muted() || gain_.load(std::memory_order_relaxed) != 1.0F ||
           suppress_noise_.load(std::memory_order_relaxed) || shown_.echo_ms.load(std::memory_order_relaxed) > 0;
  }

  /// Renders the next 20 ms. `now`: the tick's media time.
  void tick(core::TimePoint now);
  /// Nobody listens: forget everything that is under way.
  void rest();
  /// Fetches what tick() will need into the processor's caches, while another source's is under way.
  void prefetch() const;
  /// The same for the newest packet's bytes, once prefetch() has brought what tells where they are.
  void prefetch_packet() const;

  int rate() const { return kSampleRate / static_cast<int>(ratio_); }  ///< Hz, of samples()
  /// The tick's 20 ms after gain; zeros when it does not contribute.
  std::span<const float> samples() const { return {block_.data(), kTickSamples / ratio_}; }
  /// The same at another rate of which hears_at() has told (else nothing), from its first contribution on; for the few
  /// who hear at another rate than they speak.
  std::span<const float> samples_at(int rate);
  /// Half the difference of the channels whose mean samples() are; empty when there is none.
  std::span<const float> side() const { return side_ && contributes_ ? side_->block() : std::span<float>(); }
  bool contributes() const { return contributes_; }  ///< samples() belong in the sum
  bool active() const { return activity_.contributes() && !muted_now_; }
  bool speaking() const { return speech() != Speech::none; }
  Speech speech() const { return muted_now_ ? Speech::none : activity_.speech(); }
  bool playing() const { return playing_; }
  bool self_muted() const { return shown_.self_muted.load(std::memory_order_relaxed); }
  /// The member whose second sound it is, and who does not hear it; 0: nobody. AudioRoom sets it.
  uint64_t unheard_by() const { return unheard_by_.load(std::memory_order_relaxed); }
  void set_unheard_by(uint64_t member) { unheard_by_.store(member, std::memory_order_relaxed); }
  /// After the tick, for a member who hears something: its level (dBov).
  void note_sent(double level);
  bool guards_echo() const { return guard_echo_.load(std::memory_order_relaxed); }
  core::Duration playout_delay() const { return playout_delay_; }  ///< capture to tick, smoothed; zero: unknown

 private:
  struct Format {  // what a codec needs here
    const AudioCodecRow* row = nullptr;
    std::unique_ptr<AudioDecoder> decoder;
  };
  struct Converted {  // samples() at another rate
    Resampler resampler;
    uint64_t tick = 0;  // when it was fed last
    Block block{};
  };

  void receive(core::EncodedFrame&& frame, core::TimePoint now);
  bool is_jump(const QueuedFrame& entry) const;
  bool brings_another(const QueuedFrame& entry) const;
  Format* format_of(core::Codec codec);
  void prepare(core::Codec codec);
  void make_dozer();
  void make_for(size_t band);
  void make_converter(size_t from, size_t to);
  void start(core::TimePoint now);
  void stop();
  void settle_stall();
  void fill(size_t wanted, core::TimePoint now);
  void fill_gap(int64_t gap);
  void stall();
  void grow(size_t samples, std::span<const float> side = {});
  void note_concealed(int64_t samples);
  void settle_quiet(std::span<const float> decoded);
  void note_replaced(int64_t sequence) { replaced_[replaced_count_++ % replaced_.size()] = sequence; }
  bool is_replaced(int64_t sequence) const;
  void decode_front(core::TimePoint now);
  bool decode_sound(const QueuedFrame& front, core::TimePoint now);
  bool recover_from(const core::EncodedFrame& frame);
  bool leave_out(const QueuedFrame& front, core::TimePoint now);
  void wake_decoder();
  bool dozing() const { return dozer_ && dozer_->dozing(); }
  bool may_doze() const;
  void grow_quiet(size_t samples);
  void note_doze(std::span<const float> decoded);
  void note_packet(const core::EncodedFrame& frame, core::TimePoint now);
  void note_silence(const core::EncodedFrame& frame, std::span<const float> decoded, core::TimePoint now);
  bool is_digital_silence(std::span<const float> decoded) const;
  size_t conceal(size_t samples);
  void make_noise(std::span<float> out);
  void take_noise();
  void change_rate(size_t ratio);
  void adapt(core::TimePoint now);
  bool take_out(int64_t most, bool insist, core::TimePoint now);
  bool put_in(bool insist, core::TimePoint now);
  int64_t ready_samples() const;
  int64_t filled_time() const { return static_cast<int64_t>(filled_ * ratio_); }
  void pull(std::span<float> block);
  void finish_block(bool ends);  ///< `ends`: nothing comes any more, it fades out
  void silence();
  float processed(double level);
  void measure_delay(core::TimePoint now);

  const uint64_t member_;
  std::atomic<uint64_t> unheard_by_{0};
  FrameBox box_;
  std::atomic<bool> muted_{false};
  std::atomic<OwnSound> own_sound_{OwnSound::once_begun};
  std::atomic<float> gain_{1.0F};
  std::atomic<bool> level_{false}, suppress_noise_{false}, guard_echo_{false};

  // Made by callers, one at a time, and used by the tick once the bit is set.
  static constexpr size_t kCodecs = static_cast<size_t>(core::Codec::aac) + 1;
  std::mutex making_;
  unsigned spoken_ = 0, heard_ = 0;  // bands
  std::array<Format, kCodecs> formats_;
  std::array<std::array<std::unique_ptr<Converted>, kBands>, kBands> converted_;  // [from][to]
  std::atomic<unsigned> formats_made_{0}, converters_made_{0};
  std::unique_ptr<DecodeGate> dozer_;  // made with the first codec that is worth it
  NoiseSuppressor noise_;

  // The tick's.
  PlayoutQueue queue_;
  DelayWindow window_;
  Format* format_ = nullptr;
  core::Codec codec_ = core::Codec::opus;
  Repeater repeater_;
  ComfortNoise comfort_;
  bool noisy_ = false;  // comfort_ is what is being heard
  bool playing_ = false;
  int64_t next_sequence_ = 0;
  int64_t next_time_ = 0;  // media time behind the newest sample in pcm_
  int64_t stalled_ = 0;    // 48 kHz samples made up at the end of pcm_ for which no media time has passed yet
  int64_t packet_samples_ = 960;
  std::array<int64_t, 16> replaced_{};  // packets that were heard from redundancy, a ring
  size_t replaced_count_ = 0;
  std::optional<PacketLoudness> said_;  // by the newest packet, of its loudness
  double quiet_level_ = -127;           // of the last packet that was decoded and nobody heard
  size_t dozed_ = 0;                    // the first so many samples in pcm_ have zeros among them for packets left out
  int64_t quiet_ = 0;          // 48 kHz samples made up behind silence; whether in a pause, what follows will say
  int64_t capture_time_ = 0;   // media time whose capture is known …
  core::TimePoint capture_{};  // … this
  int adapt_wait_ = 0;         // ticks until the next stretch
  int adapt_skipped_ = 0;
  bool muted_now_ = false;
  float applied_gain_ = 0;
  size_t opens_at_ = 0;  ///< samples of silence before what opens
  bool contributes_ = false;
  Activity activity_;
  OwnMute own_mute_;
  int unsettled_ = 0;  ///< packets, for which the decoder may still sound of what was made up in place of others
  GainControl loudness_;
  EchoGuard echo_;
  double heard_level_ = -127;  // of this tick, before any gain
  core::Duration playout_delay_{};
  double buffered_ms_ = 0;
  size_t ratio_ = 1;        // 48 kHz samples in one of pcm_'s and block_'s
  std::vector<float> pcm_;  // fixed size; [0, filled_) is decoded and not yet played
  size_t filled_ = 0;
  std::unique_ptr<SideChannel> side_;  // beside pcm_, for stereo
  uint64_t ticks_ = 0;
  bool silent_ = true;  // block_ is all zeros
  Block block_{};       // [0, kTickSamples / ratio_)

  struct Shown {
    std::atomic<bool> speaking{false}, self_muted{false};
    std::atomic<double> level{-127}, buffered_ms{0}, gain_db{0}, echo_ms{0};
    std::atomic<uint64_t> frames{0}, concealed{0}, late{0}, errors{0}, fec{0}, red{0}, stretched{0}, quiet{0},
        left_out{0};
  };
  Shown shown_;
};

}  // namespace partyline::mixer
