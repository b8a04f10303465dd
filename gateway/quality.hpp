// How good a leg's media was, in figures and in words: what its RTP sessions and the mixer measured, once a second in;
// bitrates, an estimate of the mean opinion score and the verdict of the closing log line out. Pure; no clock of its
// own. Thread: owner's.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/time.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/link_journal.hpp"

namespace partyline::gateway {

class QualityJournal {
 public:
  using Rates = rtp::LinkJournal::Rates;

  /// `peer`: who is at the other end, in a word: "phone", "SFU".
  QualityJournal(std::string peer, core::TimePoint now) : link_(std::move(peer), "gateway", now), since_(now) {}

  void add(const rtp::SessionStats& session, const mixer::MemberStats& mixed, core::TimePoint now);

  Rates rates() const { return link_.rates(); }
  /// Of what we hear of the peer, the pauses of a whole second left out; nothing before there was audio. While its
  /// packets are passed on and nobody plays them here, what is missing counts as what had to be invented.
  std::optional<double> mos() const { return link_.mos(playout()); }
  std::optional<double> mos_of_late() const { return link_.mos_of_late(playout()); }
  /// One line for people. `wall`: what `now` is called on the wall; times are told in UTC.
  std::string verdict(core::TimePoint now, std::chrono::system_clock::time_point wall) const;

 private:
  core::Duration playout() const;

  rtp::LinkJournal link_;
  const core::TimePoint since_;
  mixer::MemberStats mixed_;
};

}  // namespace partyline::gateway
