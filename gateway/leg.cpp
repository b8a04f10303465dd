#include "gateway/leg.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cmath>
#include <utility>

#include "gateway/adaptive_picture.hpp"

namespace partyline::gateway {
namespace {

double rounded(double value) {
  return std::round(value * 10) / 10;
}

boost::json::object describe_track(const rtp::TrackStats& track) {
  return {{"codec", core::name_of(track.codec)},
          {"packets_received", track.packets_received},
          {"packets_lost", track.packets_lost},
          {"packets_recovered", track.packets_recovered},
          {"packets_sent", track.packets_sent},
          {"packets_resent", track.packets_resent},
          {"bytes_received", track.bytes_received},
          {"bytes_sent", track.bytes_sent},
          {"jitter_ms", rounded(track.jitter_ms)},
          {"round_trip_ms", rounded(track.round_trip_ms)},
          {"peer_fraction_lost", rounded(track.peer_fraction_lost * 100) / 100}};
}

void add_rates(boost::json::object& leg, std::string_view media, core::Bitrate in, core::Bitrate out) {
  if (!leg[media].is_object()) return;
  auto& track = leg[media].get_object();
  track["bitrate_in"] = in.bits_per_second;
  track["bitrate_out"] = out.bits_per_second;
}

}  // namespace

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

boost::json::object Leg::describe(core::TimePoint now) {
  const rtp::SessionStats session = stats();
  boost::json::object out{{"id", id_},
                          {"kind", kind()},
                          {"name", name_},
                          {"state", state()},
                          {"seconds", core::to_ms(now - since_) / 1000},
                          {"muted", settings_.muted},
                          {"video_muted", settings_.video_muted},
                          {"gain_db", settings_.gain_db},
                          {"common_loudness", settings_.voice.common_loudness},
                          {"noise_suppression", settings_.voice.noise_suppression},
                          {"echo_guard", settings_.voice.echo_guard},
                          {"pinned", settings_.pinned},
                          {"self_view", settings_.self_view},
                          {"audio", nullptr},
                          {"video", nullptr}};
  if (session.audio.present) out["audio"] = describe_track(session.audio);
  if (session.video.present) {
    auto video = describe_track(session.video);
    video["frames_received"] = session.video.frames_received;
    video["keyframes_received"] = session.video.keyframes_received;
    video["keyframes_requested"] = session.video.keyframes_requested_by_us;
    out["video"] = std::move(video);
  }
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
    out["quiet_ms"] = mixed.audio_quiet_ms;
    out["stretched"] = mixed.audio_stretched;
    out["freezes"] = mixed.video_freezes;
    out["frozen_ms"] = mixed.video_frozen_ms;
    if (mixed.video_size.width > 0) {
      out["width"] = mixed.video_size.width;
      out["height"] = mixed.video_size.height;
    }
  }
  const auto rates = quality_.rates();
  add_rates(out, "audio", rates.audio_in, rates.audio_out);
  add_rates(out, "video", rates.video_in, rates.video_out);
  if (const auto mos = quality_.mos()) out["mos"] = rounded(*mos);
  out["quality"] = quality_.verdict(now, std::chrono::system_clock::now());
  std::string why = trouble(now);
  if (auto* m = member(); m && why.empty()) {
    const double echo = m->stats().echo_ms;
    if (echo > 0) why = fmt::format("returns what it is sent after {:.0f} ms (echo); turned down meanwhile", echo);
  }
  if (!why.empty()) out["trouble"] = why;
  return out;
}

}  // namespace partyline::gateway
