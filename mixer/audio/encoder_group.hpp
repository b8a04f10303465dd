// EncoderGroup: all of a room's outputs of one format. Everybody who is silent hears the same mix: one encode, many
// sinks. Who talks hears the mix minus himself from an encoder of his own, which starts as a copy of the shared one
// (his receiver's decoder cannot tell) and is given back two seconds after he fell silent.
//
//                          ┌─ silent members, viewers ─▶ shared stream ─▶ gate gate gate … ─▶ sinks
//   mix, mixes minus one ──┤
//                          └─ each talker ─────────────▶ own stream ────▶ gate
//
// Thread: the audio tick, but AudioOutputGate::close(): any.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

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
};

/// What one tick has to send.
class MixView {
 public:
  virtual ~MixView() = default;
  virtual std::span<const float> full(size_t band) const = 0;
  /// The mix without `member`, empty while the member is silent enough to share. Good until the next call.
  virtual std::span<const float> without(uint64_t member, size_t band) = 0;
};

class EncoderGroup {
 public:
  EncoderGroup(AudioFormat format, std::unique_ptr<EncoderStream> shared);

  const AudioFormat& format() const { return format_; }
  size_t band() const { return band_; }
  /// `spare`: a stream of this format for when the member talks (null for a viewer's output).
  void add(AudioOutput output, std::unique_ptr<EncoderStream> spare);
  /// False: not one of this group's. What went with it is left in `gone`, for another thread to destroy.
  bool remove(OutputId id, std::vector<std::unique_ptr<EncoderStream>>& gone);
  bool empty() const { return listeners_.empty(); }
  size_t outputs() const { return listeners_.size(); }
  size_t running() const { return running_; }  ///< encoders that worked in the last tick

  /// Returns the number of packets that were encoded.
  size_t tick(TickTime time, MixView& mix);

 private:
  struct Listener {
    AudioOutput output;
    std::unique_ptr<EncoderStream> own;  ///< while the member talks
  };
  bool take_own(Listener& listener);
  void give_back(Listener& listener);

  AudioFormat format_;
  size_t band_;
  std::unique_ptr<EncoderStream> shared_;
  bool shared_warm_ = false;  ///< fed in the last tick
  size_t running_ = 0;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<EncoderStream>> spare_;
};

}  // namespace partyline::mixer
