#include "gateway/leg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "gateway/adaptive_picture.hpp"
#include "gateway/track_json.hpp"

namespace partyline::gateway {
boost::json::object describe_picture(const AdaptivePicture& picture, const rtp::SessionStats& session) {
  const auto& rendition = *picture.rendition();
  boost::json::object out{{"codec", core::name_of(rendition.codec)},
                          {"width", rendition.size.width},
                          {"height", rendition.size.height},
                          {"frames_per_second", rendition.frames_per_second},
                          {"bitrate", rendition.bitrate.bits_per_second},
                          {"target_bitrate", picture.target().bits_per_second},
                          {"switches", picture.switches()},
                          {"own_view", rendition.hidden_member != 0}};
  if (session.available_out.bits_per_second > 0) out["available_bitrate"] = session.available_out.bits_per_second;
  return out;
}

void Leg::apply(const LegSettings& settings) {
  settings_ = settings;
  if (auto* m = member()) {
    m->set_muted(settings.muted);
    m->set_video_muted(settings.video_muted);
    m->set_gain_db(settings.gain_db);
    m->set_voice_processing(settings.voice);
    m->set_pinned(settings.pinned);
  }
}

void Leg::observe(core::TimePoint now) {
  const rtp::SessionStats session = stats();
  quality_.add(session, mixed(), now);
  // A stream that waits for a keyframe is no camera that is off. Padding has no bytes.
  const bool sends = std::exchange(video_bytes_, session.video.bytes_received) != session.video.bytes_received;
  if (auto* const m = member(); m && sends) m->note_video_packets(session.video.last_packet);
  adapt();
}

rtp::SessionStats Leg::figures() {
  rtp::SessionStats session = stats();
  const mixer::MemberStats played = mixed();
  session.audio.packets_recovered += played.audio_fec_recovered;
  session.audio.packets_missing -= std::min(session.audio.packets_missing, played.audio_fec_recovered);
  session.audio.packets_late += played.audio_late_frames;
  return session;
}

boost::json::object Leg::describe(core::TimePoint now) {
  const rtp::SessionStats session = figures();
  boost::json::array muted_by;
  if (settings_.muted) muted_by.emplace_back("operator");
  if (mixed().self_muted) muted_by.emplace_back("self");
  boost::json::object out{{"id", id_},
                          {"kind", kind()},
                          {"name", name_},
                          {"state", state()},
                          {"seconds", core::to_ms(now - since_) / 1000},
                          {"muted", settings_.muted},
                          {"muted_by", std::move(muted_by)},
                          {"video_muted", settings_.video_muted},
                          {"gain_db", settings_.gain_db},
                          {"common_loudness", settings_.voice.common_loudness},
                          {"noise_suppression", settings_.voice.noise_suppression},
                          {"echo_guard", settings_.voice.echo_guard},
                          {"pinned", settings_.pinned},
                          {"self_view", settings_.self_view}};
  describe_tracks(out, session, quality_.rates());
  if (const auto* p = picture(); p && p->rendition() && out["video"].is_object()) {
    out["video"].as_object()["sent"] = describe_picture(*p, session);
  }
  if (auto* m = member()) {
    const mixer::MemberStats mixed = m->stats();
    out["speaking"] = mixed.speaking;
    out["loudness_gain_db"] = rounded(mixed.loudness_gain_db);
    out["level_dbov"] = rounded(mixed.audio_level_dbov);
    out["playout_delay_ms"] = rounded(mixed.playout_delay_ms);
    out["concealed_ms"] = mixed.audio_concealed_ms;
    out["fec_recovered"] = mixed.audio_fec_recovered;
    out["quiet_ms"] = mixed.audio_quiet_ms;
    out["stretched"] = mixed.audio_stretched;
    out["freezes"] = mixed.video_freezes;
    out["frozen_ms"] = mixed.video_frozen_ms;
    if (mixed.video_size.width > 0) {
      out["width"] = mixed.video_size.width;
      out["height"] = mixed.video_size.height;
    }
  }
  if (const auto mos = quality_.mos()) out["mos"] = rounded(*mos);
  if (const auto mos = quality_.mos_of_late()) out["mos_of_late"] = rounded(*mos);
  out["quality"] = quality_.verdict(now, std::chrono::system_clock::now());
  if (const auto link = publisher_link()) out["publisher"] = describe_link(*link);
  std::string why = trouble(now);
  if (auto* m = member(); m && why.empty()) {
    const double echo = m->stats().echo_ms;
    if (echo > 0) why = fmt::format("returns what it is sent after {:.0f} ms (echo); turned down meanwhile", echo);
  }
  if (!why.empty()) out["trouble"] = why;
  return out;
}

}  // namespace partyline::gateway
