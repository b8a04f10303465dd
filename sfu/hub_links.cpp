// The hub's book of how each session's link fares.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "sfu/hub.hpp"

namespace partyline::sfu {

rtp::LinkFigures Hub::figures_of(const Session& session, core::TimePoint now) {
  const StreamRouter& router = session.stream->router;
  return session.kind == SessionKind::publish ? router.publisher_figures(now)
                                              : router.player_figures(session.player_id, now);
}

void Hub::note_links(core::TimePoint now) {
  if (now < next_note_) return;
  next_note_ = now + std::chrono::seconds(1);
  for (const auto& [token, session] : sessions_)
    if (session->journal) session->journal->add(figures_of(*session, now).session, now);
}

std::string Hub::words_of(const Session& session, const rtp::SessionStats& stats, core::TimePoint now) {
  const rtp::TrackStats& audio = stats.audio;
  const rtp::TrackStats& video = stats.video;
  const bool publishes = session.kind == SessionKind::publish;
  std::string words =
      publishes
          ? fmt::format("received {} packets, {} lost, {} repaired", audio.packets_received + video.packets_received,
                        audio.packets_lost + video.packets_lost, audio.packets_recovered + video.packets_recovered)
          : fmt::format("sent {} packets, {} again", audio.packets_sent + video.packets_sent,
                        audio.packets_resent + video.packets_resent);
  const auto losses = session.journal->losses(now, std::chrono::system_clock::now());
  words += "; " + (losses.empty() ? "no trouble" : fmt::format("{}", fmt::join(losses, "; ")));
  if (const double way = std::max(audio.round_trip_ms, video.round_trip_ms); way > 0)
    words += fmt::format("; round trip {:.0f} ms", way);
  if (const auto score = publishes ? session.journal->mos({}) : std::nullopt)
    words += fmt::format("; speech MOS {:.1f}", *score);
  return words;
}

/// Before it leaves its router.
std::string Hub::close_book(Session& session) {
  if (!session.journal) return "never connected";
  const auto now = core::Clock::now();
  const rtp::SessionStats stats = figures_of(session, now).session;
  session.journal->add(stats, now);
  return words_of(session, stats, now);
}

rtp::LinkReport Hub::report_of(const Session& session, core::TimePoint now, bool in_words) {
  rtp::LinkReport report;
  report.app = session.subject.app;
  report.stream = session.subject.stream;
  report.client = session.subject.client_id;
  report.address = session.subject.ip;
  report.publishes = session.kind == SessionKind::publish;
  report.age = now - session.created;
  report.figures = figures_of(session, now);
  report.rates = session.journal->rates();
  if (report.publishes) report.mos = session.journal->mos({});
  if (in_words) report.words = words_of(session, report.figures.session, now);
  return report;
}

std::optional<rtp::LinkReport> Hub::publisher(const std::string& app, const std::string& stream) const {
  const auto found = streams_.find({app, stream});
  if (found == streams_.end()) return std::nullopt;
  const Session* const session = found->second->publisher;
  if (session == nullptr || !session->journal) return std::nullopt;
  return report_of(*session, core::Clock::now(), true);
}

std::vector<rtp::LinkReport> Hub::links(const std::string& app, bool in_words) const {
  const auto now = core::Clock::now();
  std::vector<rtp::LinkReport> all;
  for (const auto& [token, session] : sessions_)
    if (session->journal && (app.empty() || session->subject.app == app))
      all.push_back(report_of(*session, now, in_words));
  return all;
}

}  // namespace partyline::sfu
