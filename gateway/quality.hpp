// How good a leg's media was, in figures and in words: samples once a second in, bitrates, an estimate of the mean
// opinion score and the verdict of the closing log line out ("phone → gateway lost 7 % of its audio between 12:03:10
// and 12:03:40"). Pure; no clock of its own. Thread: owner's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/session.hpp"

namespace partyline::gateway {

/// Mean opinion score 1…4.5 of one direction of speech (rtp/voice_quality.hpp).
/// `concealed`: share 0…1 of the playing time that had to be invented. `delay`: mouth to ear, one way.
double estimate_mos(core::Codec codec, double concealed, core::Duration delay);

class QualityJournal {
 public:
  /// `peer`: who is at the other end, in a word: "phone", "SFU".
  QualityJournal(std::string peer, core::TimePoint now);

  void add(const rtp::SessionStats& session, const mixer::MemberStats& mixed, core::TimePoint now);

  struct Rates {
    core::Bitrate audio_in, audio_out, video_in, video_out;
  };
  /// Over the last samples, about two seconds.
  Rates rates() const;
  /// Of what we hear of the peer; nothing before there was audio.
  std::optional<double> mos() const;
  /// One line for people. `wall`: what `now` is called on the wall; times are told in UTC.
  std::string verdict(core::TimePoint now, std::chrono::system_clock::time_point wall) const;

 private:
  enum Flow { audio_in, video_in, audio_out, video_out, kFlows };
  struct Second {
    core::TimePoint at;
    std::array<double, kFlows> lost{}, expected{};
  };
  // A time in which a flow lost more than it should.
  struct Episode {
    core::TimePoint from, to;
    double lost = 0, expected = 0;
    double quiet = 0;  ///< packets since the last loss: part of it only if more is lost
    double share() const { return expected > 0 ? lost / expected : 0; }
    void take(const Second& second, Flow flow);
  };
  struct FlowState {
    std::deque<Episode> episodes;  ///< the worst ones, in order of time
    bool open = false;             ///< the last one goes on
    size_t forgotten = 0;
  };

  Second difference(const rtp::SessionStats& session, core::TimePoint now) const;
  void judge(Flow flow);
  void remember(FlowState& state, Episode episode);
  std::string words_of(Flow flow, core::TimePoint now, std::chrono::system_clock::time_point wall) const;
  std::string flow_name(Flow flow) const;

  const std::string peer_;
  const core::TimePoint since_;
  std::deque<Second> window_;
  struct Totals {
    core::TimePoint at;
    rtp::SessionStats session;
  };
  std::deque<Totals> totals_;  ///< the last three
  mixer::MemberStats mixed_;
  std::array<FlowState, kFlows> flows_;
};

}  // namespace partyline::gateway
