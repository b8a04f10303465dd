// A leg: one participant's connection to a room, whatever carries it. Wires sources to sinks of the mixer when it
// joins; no media packet passes through the room. Thread: network.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/log.hpp"
#include "core/picture_worth.hpp"
#include "core/time.hpp"
#include "gateway/quality.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/link_report.hpp"
#include "rtp/session.hpp"

namespace partyline::gateway {

class AdaptivePicture;

/// What PATCH …/legs/ID may change.
struct LegSettings {
  bool muted = false;
  bool video_muted = false;
  double gain_db = 0;
  mixer::VoiceProcessing voice;
  bool pinned = false;
  bool self_view = true;  ///< false: it would rather not see itself (phones only)
};

boost::json::object describe_picture(const AdaptivePicture& picture, const rtp::SessionStats& session);

class Leg {
 public:
  virtual ~Leg() = default;
  const std::string& id() const { return id_; }
  const std::string& name() const { return name_; }
  /// "sip" or "whep".
  virtual std::string_view kind() const = 0;
  /// False: a screen; whoever shows it has a leg of his own.
  virtual bool is_person() const { return true; }
  /// One word: "connected", "connecting", "held", "waiting" …
  virtual std::string state() const = 0;
  /// In words: why this leg is silent or black; empty when it is neither.
  virtual std::string trouble(core::TimePoint now) const = 0;
  virtual rtp::SessionStats stats() const = 0;
  /// Ends it: hangs up, closes, leaves the mix. Called once, by the room. `why` goes to the peer where it has words for
  /// it.
  virtual void close(const std::string& why) = 0;
  /// The member in the mix; null before it joined.
  virtual mixer::Member* member() = 0;
  /// About once a second.
  virtual void check(core::TimePoint) {}
  /// Asks the peer for a keyframe of what it sends.
  virtual void request_keyframe() = 0;
  /// The mix needs so much of its picture; who records it needs all.
  void wish_picture(core::Bitrate worth) {
    wished_ = worth;
    if (!tapped()) send_picture_wish(worth);
  }
  /// Gets all that the leg sends, as it comes, beside the mix; null: nobody does.
  void set_tap(std::shared_ptr<core::FrameSink> tap) {
    const bool before = tapped();
    tap_ = std::move(tap);
    on_tap_changed();
    if (tapped() != before) send_picture_wish(picture_wish());
  }
  /// Of a stream pulled from an SFU that tells: its publisher's own way there. What the leg measures is the way from
  /// there on.
  virtual std::optional<rtp::LinkReport> publisher_link() const { return std::nullopt; }
  /// What it gets of the room's picture; null: nothing.
  virtual const AdaptivePicture* picture() const { return nullptr; }

  void apply(const LegSettings& settings);
  const LegSettings& settings() const { return settings_; }
  boost::json::object describe(core::TimePoint now);
  /// Once a second: keeps the book on its quality.
  void observe(core::TimePoint now);
  const QualityJournal& quality() const { return quality_; }
  /// stats() with what playing it has told: losses mended by in-band FEC, packets too late for their time.
  rtp::SessionStats figures();
  mixer::MemberStats mixed() { return member() ? member()->stats() : mixer::MemberStats{}; }
  core::TimePoint since() const { return since_; }

 protected:
  /// To be told of each frame it sends.
  void tee(const core::EncodedFrame& frame) {
    if (tap_) tap_->push(frame);
  }
  bool tapped() const { return tap_ != nullptr; }
  core::Bitrate picture_wish() const { return tapped() ? core::kMostPictureWorth : wished_; }
  /// To the peer.
  virtual void send_picture_wish(core::Bitrate worth) = 0;
  virtual void on_tap_changed() {}
  /// Once a second: what is sent may follow what the peer reports.
  virtual void adapt() {}
  /// `peer`: what the other end is called in its quality's verdict.
  Leg(std::string id, std::string name, std::string peer, core::TimePoint now)
      : id_(std::move(id)), name_(core::printable(name)), since_(now), quality_(std::move(peer), now) {}

 private:
  std::string id_, name_;
  std::shared_ptr<core::FrameSink> tap_;
  core::Bitrate wished_ = core::kMostPictureWorth;
  LegSettings settings_;
  core::TimePoint since_;
  QualityJournal quality_;
  uint64_t video_bytes_ = 0;  ///< received when last looked
};

}  // namespace partyline::gateway
