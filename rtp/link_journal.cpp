#include "rtp/link_journal.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rtp/voice_quality.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration kWindow = 5s;        // loss is judged over
constexpr core::Duration kReportHolds = 10s;  // RTCP's usual interval is 5 s
constexpr double kBadShare = 0.03;            // below it repair and concealment hide it
constexpr double kFewestLost = 3;             // packets in a window; one is no episode
constexpr size_t kMostEpisodes = 8;           // of a flow
constexpr size_t kTold = 2;                   // of them in the verdict
constexpr size_t kOfLate = 10;                // samples, a second each

double counted(uint64_t now, uint64_t before) {
  return now > before ? static_cast<double>(now - before) : 0;
}

core::Bitrate rate_of(uint64_t now, uint64_t before, core::Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return {seconds > 0 ? static_cast<int64_t>(counted(now, before) * 8 / seconds) : 0};
}

std::string clock_time(core::TimePoint at, core::TimePoint now, std::chrono::system_clock::time_point wall) {
  const auto then = wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(now - at);
  return fmt::format("{:%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
}

}  // namespace

void LinkJournal::Episode::take(const Second& second, Flow flow) {
  quiet += second.expected[flow];
  if (second.lost[flow] <= 0) return;
  lost += second.lost[flow];
  expected += std::exchange(quiet, 0);
  to = second.at;
}

LinkJournal::LinkJournal(std::string peer, std::string here, core::TimePoint now)
    : peer_(std::move(peer)), here_(std::move(here)), since_(now) {}

LinkJournal::Second LinkJournal::difference(const SessionStats& session, const SessionStats& before,
                                            core::TimePoint now) const {
  Second second;
  second.at = now;
  const auto in = [&](Flow flow, const TrackStats& is, const TrackStats& was) {
    second.lost[flow] = counted(is.packets_lost, was.packets_lost);
    second.expected[flow] = second.lost[flow] + counted(is.packets_received, was.packets_received);
  };
  const auto out = [&](Flow flow, const TrackStats& is, const TrackStats& was) {
    second.expected[flow] = counted(is.packets_sent, was.packets_sent);
    // A peer that tells nothing any more says nothing of what is sent now.
    if (now - is.reported_at <= kReportHolds) second.lost[flow] = second.expected[flow] * is.peer_fraction_lost;
  };
  in(audio_in, session.audio, before.audio);
  in(video_in, session.video, before.video);
  out(audio_out, session.audio, before.audio);
  out(video_out, session.video, before.video);
  return second;
}

void LinkJournal::note_heard(const SessionStats& session, const Totals& before, core::TimePoint now,
                             std::optional<core::Duration> invented) {
  const Second& second = window_.back();
  if (second.expected[audio_in] <= 0) return;  // nothing was said
  Heard heard;
  heard.time = std::chrono::duration<double>(now - before.at).count();
  // What comes late after all, or again, is missing no longer.
  const double missing =
      static_cast<double>(session.audio.packets_missing) - static_cast<double>(before.session.audio.packets_missing);
  heard.missing =
      invented ? std::chrono::duration<double>(*invented).count() : heard.time * missing / second.expected[audio_in];
  heard_.time += heard.time;
  heard_.missing += heard.missing;
  heard_of_late_.push_back(heard);
  if (heard_of_late_.size() > kOfLate) heard_of_late_.pop_front();
}

void LinkJournal::add(const SessionStats& session, core::TimePoint now, std::optional<core::Duration> invented) {
  const Totals before = totals_.empty() ? Totals{since_, {}} : totals_.back();
  window_.push_back(difference(session, before.session, now));
  while (window_.front().at <= now - kWindow) window_.pop_front();
  totals_.push_back({now, session});
  if (totals_.size() > 3) totals_.pop_front();
  note_heard(session, before, now, invented);
  for (const Flow flow : {audio_in, video_in, audio_out, video_out}) judge(flow);
}

void LinkJournal::take(FlowState& state, const Second& second, Flow flow) {
  if (second.at <= state.taken_to) return;
  state.episodes.back().take(second, flow);
  state.taken_to = second.at;
}

void LinkJournal::judge(Flow flow) {
  double lost = 0, expected = 0;
  for (const auto& second : window_) {
    lost += second.lost[flow];
    expected += second.expected[flow];
  }
  auto& state = flows_[flow];
  const auto& newest = window_.back();
  const bool bad = lost >= kFewestLost && lost >= kBadShare * expected;
  if (!bad) {
    state.open = false;
    return;
  }
  if (!state.open) {
    auto first = std::ranges::find_if(window_, [flow](const Second& s) { return s.lost[flow] > 0; });
    const core::TimePoint began = first->at - 1s;
    // The window is what was lost before it was enough to be told.
    if (!state.episodes.empty() && began <= state.episodes.back().to + kWindow) {
      state.episodes.back().to = newest.at;
      first = window_.begin();  // the seconds between are part of it
    } else {
      remember(state, {.from = began, .to = newest.at});
    }
    state.open = true;
    for (auto s = first; s != window_.end() - 1; ++s) take(state, *s, flow);
  }
  take(state, newest, flow);
}

void LinkJournal::remember(FlowState& state, Episode episode) {
  if (state.episodes.size() >= kMostEpisodes) {
    state.episodes.erase(std::ranges::min_element(state.episodes, {}, &Episode::lost));
    ++state.forgotten;
  }
  state.episodes.push_back(episode);
}

LinkJournal::Rates LinkJournal::rates() const {
  if (totals_.size() < 2) return {};
  const auto& [then, before] = totals_.front();
  const auto& [now, is] = totals_.back();
  return {rate_of(is.audio.bytes_received, before.audio.bytes_received, now - then),
          rate_of(is.audio.bytes_sent, before.audio.bytes_sent, now - then),
          rate_of(is.video.bytes_received, before.video.bytes_received, now - then),
          rate_of(is.video.bytes_sent, before.video.bytes_sent, now - then)};
}

std::optional<double> LinkJournal::mos(const Heard& heard, core::Duration playout) const {
  if (heard.time <= 0) return std::nullopt;
  const auto& audio = totals_.back().session.audio;
  const auto round_trip = std::chrono::microseconds(static_cast<int64_t>(audio.round_trip_ms * 1000));
  const double missing = std::clamp(heard.missing / heard.time, 0.0, 1.0);
  return opinion_score(transmission_rating(audio.codec, missing, mouth_to_ear(round_trip, playout)));
}

std::optional<double> LinkJournal::mos(core::Duration playout) const {
  return mos(heard_, playout);
}

std::optional<double> LinkJournal::mos_of_late(core::Duration playout) const {
  Heard sum;
  for (const Heard& heard : heard_of_late_) {
    sum.time += heard.time;
    sum.missing += heard.missing;
  }
  return mos(sum, playout);
}

std::string LinkJournal::flow_name(Flow flow) const {
  const bool in = flow == audio_in || flow == video_in;
  return fmt::format("{} {}", in ? peer_ + " → " + here_ : here_ + " → " + peer_,
                     flow == audio_in || flow == audio_out ? "audio" : "video");
}

std::string LinkJournal::words_of(Flow flow, core::TimePoint now, std::chrono::system_clock::time_point wall) const {
  std::vector<Episode> worst(flows_[flow].episodes.begin(), flows_[flow].episodes.end());
  if (worst.empty()) return {};
  std::ranges::sort(worst, std::greater{}, &Episode::lost);
  const size_t others = worst.size() - std::min(worst.size(), kTold) + flows_[flow].forgotten;
  worst.resize(std::min(worst.size(), kTold));
  std::ranges::sort(worst, {}, &Episode::from);
  std::string words = flow_name(flow) + " lost ";
  for (size_t i = 0; i < worst.size(); ++i)
    words += fmt::format("{}{:.0f} % between {} and {}", i == 0 ? "" : ", ", 100 * worst[i].share(),
                         clock_time(worst[i].from, now, wall), clock_time(worst[i].to, now, wall));
  if (others > 0) words += fmt::format(" and {} more times", others);
  return words;
}

std::vector<std::string> LinkJournal::losses(core::TimePoint now, std::chrono::system_clock::time_point wall) const {
  std::vector<std::string> parts;
  for (const Flow flow : {audio_in, audio_out, video_in, video_out})
    if (auto words = words_of(flow, now, wall); !words.empty()) parts.push_back(std::move(words));
  return parts;
}

}  // namespace partyline::rtp
