// One audio output's choice between the mix and the packets of a single source in the same codec. Pure.
//
//            aim           a second of packets that fit
//   mixed ────────▶ arming ────────────────────────────▶ passing
//     ▲  ◀── release ─┘                                     │ release
//     └──────────── a tenth of a second of the mix ──── leaving ── aim ─▶ passing
//
// While it is leaving, packets go on until the mix has filled its playout buffers again: nothing is missing.
// Thread: owner's (AudioValve). Deliberately not here: whose packets may be passed to whom (AudioRoom).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/footprint.hpp"
#include "core/frame.hpp"
#include "core/mutex.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/splice.hpp"

namespace partyline::mixer {

class AudioPass {
 public:
  enum class State : uint8_t { mixed, arming, passing, leaving };
  static constexpr int64_t kArming = 50;  ///< packets

  explicit AudioPass(const AudioFormat& format);
  State state() const { return state_; }
  void aim();
  /// `at_once`: nothing of the source may be heard any more.
  void release(bool at_once);
  /// A packet of the mix: the RTP time that puts it in line, or nothing when it is not to be sent.
  std::optional<int64_t> take_mixed(const core::EncodedFrame& frame);
  /// A packet of the source. True: send it; its RTP time has been put in line, and `after_loss` says that packets are
  /// missing before it.
  bool take_passed(core::EncodedFrame& frame);
  /// The source has sent what this output's receiver does not expect. Said once.
  bool take_misfit() { return std::exchange(misfit_, false); }
  uint64_t late() const { return late_; }

 private:
  int64_t duration_of(const core::EncodedFrame& frame) const;
  bool fits(const core::EncodedFrame& frame) const;

  // What a packet of the mix needs comes first.
  State state_ = State::mixed;
  Splice splice_;
  const AudioFormat format_;
  const int64_t packet_units_;                  // of the RTP clock, in a packet of the format
  const std::unique_ptr<AudioDecoder> reader_;  // tells how long packets are; null: this codec is only sent
  int64_t fitting_ = 0;                         // packets in a row, while arming
  int mixed_again_ms_ = 0;                      // leaving: how much of the mix has come
  bool cut_ = false;                            // leaving: nothing of the source any more
  bool misfit_ = false;
  int64_t next_sequence_ = 0;  // passing
  uint64_t late_ = 0;
};

/// What stands between an output's encoder or a source and its sink. Thread: any; allocates nothing.
class AudioValve final : public core::FrameSink, public core::Footprinted {
 public:
  AudioValve(std::shared_ptr<core::FrameSink> sink, const AudioFormat& format)
      : sink_(std::move(sink)), pass_(format) {}
  /// Of the mix.
  void push(const core::EncodedFrame& frame) override;
  void add_footprint(core::Footprint& footprint) const override;  ///< of push()
  /// Of the source. True: whoever plans should look at its state again.
  bool pass(const core::EncodedFrame& frame);
  void aim();
  void release(bool at_once);
  AudioPass::State state() const;
  bool take_misfit();
  /// The sink is not called after it returns.
  void shut();

 private:
  mutable core::Mutex mutex_;
  std::shared_ptr<core::FrameSink> sink_;
  AudioPass pass_;
};

}  // namespace partyline::mixer
