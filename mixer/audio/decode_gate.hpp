// DecodeGate: which packets of a member who is silent need no decoding, because nobody could hear them.
//
//   what a packet says of its loudness ─▶ + what decoded packets were louder than they said ─▶ 3 dB under the member's
//   gate? ─▶ left out, but for one in 50, which is decoded all the same
//
// What packets say is believed only once it has been compared with what they decode to, and no longer, for ten seconds,
// when it was wrong (and twice as long each time): who claims silence and talks is heard 1 s later at worst. The newest
// packets that were left out are kept: decoded in front of the next one that counts, they bring the decoder to where it
// would be.
//
// Pure logic. Thread: one at a time; takes memory only when it is made. Levels are dBov.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mixer/codec/audio_codec.hpp"

namespace partyline::mixer {

class DecodeGate {
 public:
  static constexpr int kProbeEvery = 50;     ///< packets, and then the next that is no placeholder
  static constexpr size_t kKept = 3;         ///< packets
  static constexpr size_t kLongest = 320;    ///< bytes; longer ones are decoded
  static constexpr size_t kPlaceholder = 2;  ///< bytes; no more are what discontinuous transmission sends meanwhile
  static constexpr int kDistrust = 500;      ///< packets, and twice as many each time
  static constexpr int kEnough = 5;          ///< decoded packets, before what they say is believed
  static constexpr double kMargin = 3;       ///< dB
  static constexpr double kMostOffset = 30;  ///< dB

  /// `phase`: different ones for different members, so that not all are probed at once.
  explicit DecodeGate(uint64_t phase) : since_probe_(static_cast<int>(phase * 17 % kProbeEvery)) {}

  /// Whether `packet` may be left out. `gate`: what is louder would be heard.
  bool leaves_out(std::span<const uint8_t> packet, const std::optional<PacketLoudness>& said, double gate);
  /// It was left out and is to be kept.
  void keep(std::span<const uint8_t> packet);
  /// The packet that was asked about last, or not asked about for it is heard anyway, was decoded to this level.
  void on_decoded(const std::optional<PacketLoudness>& said, double level, double gate);

  /// What packets say was not found wrong lately.
  bool trusts() const { return distrust_ == 0; }
  /// The packet that was asked about last is decoded only to see whether it says the truth.
  bool probing() const { return probing_; }
  /// Packets were left out since the last one that was decoded.
  bool dozing() const { return kept_ > 0; }
  /// Hands out the kept ones, oldest first, and forgets them.
  template <class Take>
  void wake(Take&& take) {
    const size_t count = kept_ < kKept ? kept_ : kKept;
    for (size_t i = kept_ - count; i < kept_; ++i)
      take(std::span<const uint8_t>(bytes_[i % kKept].data(), sizes_[i % kKept]));
    kept_ = 0;
  }
  /// Forgets them.
  void forget() { kept_ = 0; }

 private:
  bool believes(const PacketLoudness& said, double gate) const;

  PacketLoudness::Scale scale_ = PacketLoudness::Scale::none;
  int compared_ = 0;   // packets of that scale
  double offset_ = 0;  // dB
  int since_probe_;
  bool probing_ = false;
  int distrust_ = 0, penalty_ = kDistrust;  // packets
  size_t kept_ = 0;                         // since the last wake(), the newest kKept of them are there
  std::array<uint16_t, kKept> sizes_{};
  std::array<std::array<uint8_t, kLongest>, kKept> bytes_;
};

}  // namespace partyline::mixer
