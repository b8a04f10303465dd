#include "gateway/quality.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "rtp/voice_quality.hpp"

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration kWindow = 5s;  // loss is judged over
constexpr double kBadShare = 0.03;      // below it repair and concealment hide it
constexpr double kFewestLost = 3;       // packets in a window; one is no episode
constexpr size_t kMostEpisodes = 8;     // of a flow
constexpr size_t kTold = 2;             // of them in the verdict
constexpr uint64_t kFrozenWorthTelling = 1000;
constexpr core::Duration kEncoderAndPacket = 25ms;  // what the peer's own microphone path takes, about

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

double estimate_mos(core::Codec codec, double concealed, core::Duration delay) {
  return rtp::opinion_score(rtp::transmission_rating(codec, concealed, delay));
}

void QualityJournal::Episode::take(const Second& second, Flow flow) {
  quiet += second.expected[flow];
  if (second.lost[flow] <= 0) return;
  lost += second.lost[flow];
  expected += std::exchange(quiet, 0);
  to = second.at;
}

QualityJournal::QualityJournal(std::string peer, core::TimePoint now) : peer_(std::move(peer)), since_(now) {}

QualityJournal::Second QualityJournal::difference(const rtp::SessionStats& session, core::TimePoint now) const {
  const rtp::SessionStats before = totals_.empty() ? rtp::SessionStats{} : totals_.back().session;
  Second second;
  second.at = now;
  const auto in = [&](Flow flow, const rtp::TrackStats& is, const rtp::TrackStats& was) {
    second.lost[flow] = counted(is.packets_lost, was.packets_lost);
    second.expected[flow] = second.lost[flow] + counted(is.packets_received, was.packets_received);
  };
  const auto out = [&](Flow flow, const rtp::TrackStats& is, const rtp::TrackStats& was) {
    second.expected[flow] = counted(is.packets_sent, was.packets_sent);
    second.lost[flow] = second.expected[flow] * is.peer_fraction_lost;
  };
  in(audio_in, session.audio, before.audio);
  in(video_in, session.video, before.video);
  out(audio_out, session.audio, before.audio);
  out(video_out, session.video, before.video);
  return second;
}

void QualityJournal::add(const rtp::SessionStats& session, const mixer::MemberStats& mixed, core::TimePoint now) {
  window_.push_back(difference(session, now));
  while (window_.front().at <= now - kWindow) window_.pop_front();
  totals_.push_back({now, session});
  if (totals_.size() > 3) totals_.pop_front();
  mixed_ = mixed;
  for (const Flow flow : {audio_in, video_in, audio_out, video_out}) judge(flow);
}

void QualityJournal::judge(Flow flow) {
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
    const auto first = std::ranges::find_if(window_, [flow](const Second& s) { return s.lost[flow] > 0; });
    const core::TimePoint began = first->at - 1s;
    // The window is what was lost before it was enough to be told.
    if (!state.episodes.empty() && began <= state.episodes.back().to + kWindow) {
      state.episodes.back().to = newest.at;
    } else {
      remember(state, {.from = began, .to = newest.at});
    }
    state.open = true;
    for (auto s = first; s != window_.end() - 1; ++s) state.episodes.back().take(*s, flow);
  }
  state.episodes.back().take(newest, flow);
}

void QualityJournal::remember(FlowState& state, Episode episode) {
  if (state.episodes.size() >= kMostEpisodes) {
    state.episodes.erase(std::ranges::min_element(state.episodes, {}, &Episode::lost));
    ++state.forgotten;
  }
  state.episodes.push_back(episode);
}

QualityJournal::Rates QualityJournal::rates() const {
  if (totals_.size() < 2) return {};
  const auto& [then, before] = totals_.front();
  const auto& [now, is] = totals_.back();
  return {rate_of(is.audio.bytes_received, before.audio.bytes_received, now - then),
          rate_of(is.audio.bytes_sent, before.audio.bytes_sent, now - then),
          rate_of(is.video.bytes_received, before.video.bytes_received, now - then),
          rate_of(is.video.bytes_sent, before.video.bytes_sent, now - then)};
}

std::optional<double> QualityJournal::mos() const {
  if (totals_.empty() || totals_.back().session.audio.packets_received == 0) return std::nullopt;
  const auto& audio = totals_.back().session.audio;
  const double played = std::chrono::duration<double, std::milli>(totals_.back().at - since_).count();
  const double concealed = played > 0 ? static_cast<double>(mixed_.audio_concealed_ms) / played : 0;
  const double path_ms = audio.round_trip_ms / 2 + mixed_.playout_delay_ms;
  return estimate_mos(audio.codec, concealed,
                      kEncoderAndPacket + std::chrono::microseconds(static_cast<int64_t>(path_ms * 1000)));
}

std::string QualityJournal::flow_name(Flow flow) const {
  const bool in = flow == audio_in || flow == video_in;
  return fmt::format("{} {}", in ? peer_ + " → gateway" : "gateway → " + peer_,
                     flow == audio_in || flow == audio_out ? "audio" : "video");
}

std::string QualityJournal::words_of(Flow flow, core::TimePoint now, std::chrono::system_clock::time_point wall) const {
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

std::string QualityJournal::verdict(core::TimePoint now, std::chrono::system_clock::time_point wall) const {
  std::vector<std::string> parts;
  for (const Flow flow : {audio_in, audio_out, video_in, video_out})
    if (auto words = words_of(flow, now, wall); !words.empty()) parts.push_back(std::move(words));
  const double seconds = std::chrono::duration<double>(now - since_).count();
  if (mixed_.audio_concealed_ms > 200 && static_cast<double>(mixed_.audio_concealed_ms) > 5 * seconds)
    parts.push_back(
        fmt::format("{:.1f} s of its audio were concealed", static_cast<double>(mixed_.audio_concealed_ms) / 1000));
  if (mixed_.video_frozen_ms >= kFrozenWorthTelling)
    parts.push_back(fmt::format("its picture stood still {} times, {:.1f} s in all", mixed_.video_freezes,
                                static_cast<double>(mixed_.video_frozen_ms) / 1000));
  std::string words = parts.empty() ? "no trouble" : fmt::format("{}", fmt::join(parts, "; "));
  if (const auto score = mos()) words += fmt::format("; speech MOS {:.1f}", *score);
  return words;
}

}  // namespace partyline::gateway
