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
#include <vector>

#include "core/result.hpp"
#include "mixer/audio/audio_source.hpp"
#include "mixer/audio/encoder_group.hpp"
#include "mixer/audio/limiter.hpp"
#include "mixer/audio/mix_bus.hpp"

namespace partyline::mixer {

/// Called on the audio tick's thread: post, do not work.
class AudioRoomObserver {
 public:
  virtual ~AudioRoomObserver() = default;
  virtual void on_speaking(uint64_t member, bool speaking) = 0;
  virtual void on_playout_delay(uint64_t member, core::Duration delay) = 0;
};

struct AudioRoomStats {
  int encoders = 0, outputs = 0;
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
  bool remove_output(OutputId id);
  void remove_outputs_of(uint64_t member);
  void close();  ///< all outputs

  void set_comfort_noise(double dbov) { sounds_.set_comfort_noise(dbov); }
  void play(Tone tone) { sounds_.play(tone); }

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
    std::array<Own, kBands> own;
    int outputs = 0;
    double sent_level = -127;  // of its own mix, in this tick
    int apart = 0;             // ticks for which it still gets a mix of its own
    bool speaking = false;     // as told
    core::Duration delay{};    // as told
  };
  struct Command {
    std::unique_ptr<Seat> add_seat;
    std::optional<uint64_t> remove_seat;
    std::optional<AudioOutput> add_output;
    std::optional<uint64_t> member;  // of an output that comes or goes
    AudioFormat format;
    std::unique_ptr<EncoderStream> shared, spare;
    std::optional<OutputId> remove_output;
    std::vector<std::unique_ptr<EncoderStream>> gone;  // has room for what remove_output leaves
    std::shared_ptr<AudioOutputGate> gate;             // of remove_output: not to be destroyed by the tick
  };
  class View;

  void post(std::list<Command> command);
  void apply_commands();
  void apply(Command& command);
  void rest();
  void tell(Seat& seat);
  Seat* seat_of(uint64_t member);
  void make_full();
  void guard_against_echo();

  const core::Bitrate opus_bitrate_;
  const std::weak_ptr<AudioRoomObserver> observer_;

  // Shared with the callers; held for a list operation.
  mutable core::Mutex mutex_;
  std::list<Command> waiting_;
  std::list<Command> done_;  // with what they removed: the next caller destroys it, the tick frees nothing
  std::vector<std::shared_ptr<AudioSource>> sources_;
  struct KnownOutput {
    OutputId id;
    std::optional<uint64_t> member;
    std::shared_ptr<AudioOutputGate> gate;
  };
  std::vector<KnownOutput> outputs_;
  std::atomic<bool> commands_{false};

  // The tick's.
  std::list<Command> applying_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<uint64_t> seated_;  // their members, side by side: searched for each listener in each tick
  std::vector<EncoderGroup> groups_;
  std::optional<core::TimePoint> origin_;
  bool resting_ = true;
  MixBus bus_;
  RoomSounds sounds_;
  std::array<Limiter, kBands> limiters_;
  std::array<Block, kBands> full_{};
  Block without_{};

  std::atomic<int> shown_encoders_{0};
  std::atomic<uint64_t> shown_ticks_{0}, shown_packets_{0}, late_ticks_{0};
};

}  // namespace partyline::mixer
