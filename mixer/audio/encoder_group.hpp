// EncoderGroup: all of a room's outputs of one format. Everybody who is silent hears the same mix: one encode, many
// sinks. Who talks hears the mix minus himself from an encoder of his own, which starts as a copy of the shared one
// (his receiver's decoder cannot tell) and is given back two seconds after he fell silent.
//
//                          ┌─ silent members, viewers ─▶ shared stream ─▶ gate gate gate … ─▶ sinks
//   mix, mixes minus one ──┤
//                          └─ each talker ─────────────▶ own stream ────▶ gate
//
// Thread: the audio tick, but AudioOutputGate::close(): any. Takes no memory and frees none: both come and go as
// Belongings, with other threads.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/footprint.hpp"
#include "core/mutex.hpp"
#include "mixer/audio/encoder_stream.hpp"

namespace partyline::mixer {

/// The last door before a sink: once close() has returned, the sink is not called any more. close() must not be called
/// from the sink itself.
class AudioOutputGate {
 public:
  explicit AudioOutputGate(std::shared_ptr<core::FrameSink> sink) : sink_(std::move(sink)) {}
  void push(const core::EncodedFrame& frame) {
    const std::lock_guard lock(mutex_);
    if (sink_) sink_->push(frame);
  }
  /// Of push().
  void add_footprint(core::Footprint& footprint) {
    const std::lock_guard lock(mutex_);
    footprint.add(*this);
    core::add_footprint_of(sink_.get(), footprint);
  }
  void close() {
    std::shared_ptr<core::FrameSink> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(sink_);
  }

 private:
  core::Mutex mutex_;
  std::shared_ptr<core::FrameSink> sink_;
};

struct AudioOutput {
  OutputId id = 0;
  std::optional<uint64_t> member;  ///< whose ears these are; nobody's: the whole mix
  std::shared_ptr<AudioOutputGate> gate;
  core::FootprintOf<4> footprint{};  ///< of what is pushed through the gate
};

/// What one tick has to send.
class MixView {
 public:
  virtual ~MixView() = default;
  /// `band`: of kBandRates, or kStereoBand.
  virtual MixSpan full(size_t band) const = 0;
  /// The mix without `member`, empty while the member is silent enough to share. Good until the next call.
  virtual MixSpan without(uint64_t member, size_t band) = 0;
};

/// Moves what is here to where there is more space, if there is, and swaps the two: no memory is taken, none freed.
template <class T>
void move_house(std::vector<T>& here, std::vector<T>& there) {
  if (there.capacity() <= here.capacity()) return;
  for (T& thing : here) there.push_back(std::move(thing));
  here.swap(there);
  there.clear();
}

class EncoderGroup {
 public:
  struct Listener {
    AudioOutput output;
    std::unique_ptr<EncoderStream> own;  ///< while the member talks
  };
  /// What an output brings along, and what it leaves behind.
  struct Belongings {
    std::unique_ptr<EncoderStream> shared;               ///< for the format's first output
    std::unique_ptr<EncoderStream> own;                  ///< for when the member talks; null: a viewer's output
    std::vector<Listener> listeners;                     ///< space for all of the format's
    std::vector<std::unique_ptr<EncoderStream>> spares;  ///< the same
  };

  /// `apart`: two channels, from kStereoBand.
  EncoderGroup(AudioFormat format, std::unique_ptr<EncoderStream> shared, bool apart = false);

  const AudioFormat& format() const { return format_; }
  size_t band() const { return band_; }
  /// Takes what it needs of `with`, and leaves there what it needs no longer.
  void add(AudioOutput output, Belongings& with);
  /// False: not one of this group's. `gone` is empty, and then has what is not needed any more.
  bool remove(OutputId id, Belongings& gone);
  bool empty() const { return listeners_.empty(); }
  size_t running() const { return running_; }  ///< encoders that worked in the last tick

  /// Returns the number of packets that were encoded.
  size_t tick(TickTime time, MixView& mix);

 private:
  bool take_own(Listener& listener);
  void give_back(Listener& listener);

  AudioFormat format_;
  size_t band_;
  std::unique_ptr<EncoderStream> shared_;
  bool shared_warm_ = false;  ///< fed in the last tick
  size_t running_ = 0;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<EncoderStream>> spares_;
};

}  // namespace partyline::mixer
