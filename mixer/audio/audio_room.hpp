// AudioRoom: one conference's sound. Sum once, subtract self.
//
//   tick: apply commands ─▶ each source renders 20 ms ─▶ sums of those with something to say, one a rate (MixBus) ─▶
//         limiters ─▶ groups encode
//
// Thread: tick() from the audio thread (or a test); the rest from any. Commands take effect with the next tick, but a
// removed output's sink is not called after remove_output() has returned. Deliberately not here: threads and clocks.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "mixer/audio/audio_pass.hpp"
#include "mixer/audio/audio_source.hpp"
#include "mixer/audio/encoder_group.hpp"
#include "mixer/audio/limiter.hpp"
#include "mixer/audio/mix_bus.hpp"
#include "mixer/audio/stereo_mix.hpp"

namespace partyline::mixer {

/// Called on the audio tick's thread: post, do not work.
class AudioRoomObserver {
 public:
  virtual ~AudioRoomObserver() = default;
  virtual void on_speech(uint64_t member, Speech speech) = 0;
  virtual void on_playout_delay(uint64_t member, core::Duration delay) = 0;
  virtual void on_self_muted(uint64_t member, bool muted) = 0;
};

struct AudioRoomStats {
  int encoders = 0, outputs = 0;
  int passed = 0;  ///< outputs that get a member's packets as they are
  uint64_t ticks = 0, ticks_late = 0, packets_encoded = 0;
};

class AudioRoom {
 public:
  explicit AudioRoom(core::Bitrate opus_bitrate, std::weak_ptr<AudioRoomObserver> observer = {});
  ~AudioRoom();

  std::shared_ptr<AudioSource> add_source(uint64_t member);
  void remove_source(uint64_t member);
  /// `member`: whose ears these are; nobody's: the whole mix.
  core::Result<> add_output(OutputId id, std::optional<uint64_t> member, const AudioFormat& format,
                            std::shared_ptr<core::FrameSink> sink);
  /// Another bitrate or expected loss: whoever is passed packets goes on getting them. `not_found`, `invalid`.
  core::Result<> set_format(OutputId id, const AudioFormat& format);
  bool remove_output(OutputId id);
  void close();  ///< all outputs

  /// The mix that `by` hears lacks this member's sound as well as his own (it is what his screen plays). One such
  /// member for each; `by` 0: everybody hears it.
  void set_unheard_by(uint64_t member, uint64_t by);

  void set_comfort_noise(double dbov) { sounds_.set_comfort_noise(dbov); }
  void play(Tone tone) { sounds_.play(tone); }

  /// A member's packet: to its source and to whom it is passed.
  void push(AudioSource& source, const core::EncodedFrame& frame);
  /// Before sources come: outputs of two channels have two.
  void make_stereo() { stereo_ = std::make_unique<StereoMix>(); }
  /// Before outputs come: where two members have the same codec, or one has only listeners, packets are passed on.
  void pass_through() { pass_through_ = true; }
  /// Not while pictures are mixed: they come later than sound that is passed.
  void allow_passing(bool allowed);
  /// After something is done to a member's sound, or no longer.
  void replan();

  /// Returns whether there was anybody to mix for.
  bool tick(core::TimePoint now);
  /// The tick that comes now is late by more than a tick's half.
  void note_late() { late_ticks_.fetch_add(1, std::memory_order_relaxed); }
  AudioRoomStats stats() const;

 private:
  struct Own {  // the mix without this member, in one band
    Limiter limiter, before;
    int64_t mixed_at = -1;  // tick
  };
  struct Seat {
    std::shared_ptr<AudioSource> source;
    std::array<Own, kBands + 1> own;  // of kStereoBand, too
    int outputs = 0;
    Seat* second = nullptr;        // whose sound its own mix lacks, too; in this tick
    double sent_level = -127;      // of its own mix, in this tick
    int apart = 0;                 // ticks for which it still gets a mix of its own
    Speech speech = Speech::none;  // as told
    core::Duration delay{};        // as told
    bool self_muted = false;       // as told
  };
  struct Command {
    std::unique_ptr<Seat> add_seat;
    std::optional<uint64_t> remove_seat;
    std::optional<AudioOutput> add_output;
    std::optional<uint64_t> member;  // of an output that comes or goes
    AudioFormat format;
    std::optional<OutputId> remove_output;
    std::shared_ptr<AudioOutputGate> gate;  // of remove_output: not to be destroyed by the tick
    // The tick takes no memory and frees none: what it needs comes with the command, and what it needs no longer goes.
    EncoderGroup::Belongings belongings;
    std::vector<std::unique_ptr<Seat>> seats;
    std::vector<uint64_t> seated;
    std::vector<EncoderGroup> groups;
  };
  struct KnownOutput;
  class View;

  bool apart(const AudioFormat& format) const { return stereo_ && format.channels == 2; }
  core::Result<> change_format(OutputId id, const AudioFormat& wanted);
  core::Result<> make_coming(const KnownOutput& output, Command& command);  // plan_mutex_ held, here and below
  void make_space(const AudioFormat& format, Command& command) const;
  static Command removal_of(const KnownOutput& output);
  std::shared_ptr<AudioSource> source_of(uint64_t member) const;  // mutex_ held, here and below
  std::optional<uint64_t> wanted_source(const KnownOutput& output) const;
  void turn(KnownOutput& output);
  void open_sources();
  void lift_bars();  // not here and below
  void come_in(OutputId id);
  void publish_routes();

  void post(std::list<Command> command);
  void apply_commands();
  void apply(Command& command);
  void rest();
  void tell(Seat& seat);
  void keep_apart(Seat& seat);
  void find_second_sounds();
  Seat* seat_of(uint64_t member);
  void make_full();
  void guard_against_echo();

  const core::Bitrate opus_bitrate_;
  bool pass_through_ = false;
  std::mutex plan_mutex_;  // they come and go, and into the mix and out of it, one after the other; never the tick's
  const std::weak_ptr<AudioRoomObserver> observer_;

  // Shared with the callers; held for a list operation.
  mutable core::Mutex mutex_;
  std::list<Command> waiting_;
  std::list<Command> done_;  // with what they removed: the next caller destroys it, the tick frees nothing
  std::vector<std::shared_ptr<AudioSource>> sources_;
  struct KnownOutput {
    OutputId id = 0;
    std::optional<uint64_t> member;
    std::shared_ptr<AudioOutputGate> gate;
    AudioFormat format;
    std::shared_ptr<AudioValve> valve;  // null: never passed
    std::optional<uint64_t> source;     // aimed at, or still heard while the mix comes back
    bool in_mix = true;
    bool barred = false;  // the source sends something else than it hears
  };
  std::vector<KnownOutput> outputs_;
  using Routes = std::vector<std::pair<uint64_t, std::shared_ptr<AudioValve>>>;  // by source
  Routes routes_;
  std::shared_mutex routes_mutex_;  // never the tick's
  std::atomic<bool> any_routes_{false};
  bool passing_allowed_ = true;
  static constexpr int kBarredPackets = 1000;  // of anybody: some ten seconds
  std::atomic<int> barred_packets_{0};         // until bars are lifted
  std::atomic<bool> commands_{false};
  std::atomic<bool> second_sounds_{false};  // some source is not heard by somebody else

  // The tick's.
  std::list<Command> applying_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<uint64_t> seated_;  // their members, side by side: searched for each listener in each tick
  std::vector<EncoderGroup> groups_;
  std::optional<core::TimePoint> origin_;
  bool resting_ = true;
  MixBus bus_;
  std::unique_ptr<StereoMix> stereo_;  // null: everything is mono
  RoomSounds sounds_;
  std::array<Limiter, kBands> limiters_;
  std::array<Block, kBands> full_{};
  Block without_{};

  std::atomic<int> shown_encoders_{0};
  std::atomic<uint64_t> shown_ticks_{0}, shown_packets_{0}, late_ticks_{0};
};

}  // namespace partyline::mixer
