// How good the way to a peer was, in figures and in words: a session's statistics once a second in; bitrates, an
// estimate of the mean opinion score of the peer's voice and the words of the closing log line out ("phone → gateway
// audio lost 7 % between 12:03:10 and 12:03:40"). Pure; no clock of its own. Thread: owner's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "rtp/session.hpp"

namespace partyline::rtp {

class LinkJournal {
 public:
  /// Who is at either end, in a word: "phone", "gateway".
  LinkJournal(std::string peer, std::string here, core::TimePoint now);

  /// `invented`: what of the peer's sound had to be made up since the last call, by who plays it here; nothing: nobody
  /// does, and what is missing counts.
  void add(const SessionStats& session, core::TimePoint now, std::optional<core::Duration> invented = {});

  struct Rates {
    core::Bitrate audio_in, audio_out, video_in, video_out;
  };
  /// Over the last samples, about two seconds.
  Rates rates() const;
  /// Of the peer's voice (rtp/voice_quality.hpp) while it sent any, from the beginning, at the present delay; nothing
  /// before there was audio. `playout`: how long it waits here until it is heard.
  std::optional<double> mos(core::Duration playout) const;
  /// The same of the last ten seconds in which it sent any.
  std::optional<double> mos_of_late(core::Duration playout) const;
  /// What was lost when, a part for each direction and kind of media that lost too much. `wall`: what `now` is called
  /// on the wall; times are told in UTC.
  std::vector<std::string> losses(core::TimePoint now, std::chrono::system_clock::time_point wall) const;

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
    core::TimePoint taken_to{};    ///< the seconds until then are in it
    size_t forgotten = 0;
  };
  // How long the peer's voice could be heard, and what of it was not there; seconds.
  struct Heard {
    double time = 0, missing = 0;
  };
  struct Totals {
    core::TimePoint at;
    SessionStats session;
  };

  Second difference(const SessionStats& session, const SessionStats& before, core::TimePoint now) const;
  void note_heard(const SessionStats& session, const Totals& before, core::TimePoint now,
                  std::optional<core::Duration> invented);
  std::optional<double> mos(const Heard& heard, core::Duration playout) const;
  void judge(Flow flow);
  void take(FlowState& state, const Second& second, Flow flow);
  void remember(FlowState& state, Episode episode);
  std::string words_of(Flow flow, core::TimePoint now, std::chrono::system_clock::time_point wall) const;
  std::string flow_name(Flow flow) const;

  const std::string peer_, here_;
  const core::TimePoint since_;
  std::deque<Second> window_;
  std::deque<Totals> totals_;  ///< the last three
  Heard heard_;
  std::deque<Heard> heard_of_late_;
  std::array<FlowState, kFlows> flows_;
};

}  // namespace partyline::rtp
