#include "gateway/metrics.hpp"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/counters.hpp"
#include "gateway/adaptive_picture.hpp"

namespace partyline::gateway {
namespace {

class Writer {
 public:
  void gauge(std::string_view name, std::string_view help, auto&& samples) {
    write_head(name, "gauge", help);
    samples([&](const std::string& labels, double value) {
      fmt::format_to(std::back_inserter(out_), "{}{}{}{} {}\n", name, labels.empty() ? "" : "{", labels,
                     labels.empty() ? "" : "}", value);
    });
  }
  void counters() {
    std::string_view last;
    std::string kept;
    core::visit_counters([&](std::string_view name, std::string_view labels, uint64_t value) {
      if (name != last) {
        kept = name;
        last = kept;
        write_head(name, "counter", "");
      }
      fmt::format_to(std::back_inserter(out_), "{}{}{}{} {}\n", name, labels.empty() ? "" : "{", labels,
                     labels.empty() ? "" : "}", value);
    });
  }
  std::string take() { return std::move(out_); }

 private:
  void write_head(std::string_view name, std::string_view type, std::string_view help) {
    if (!help.empty()) fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n", name, help);
    fmt::format_to(std::back_inserter(out_), "# TYPE {} {}\n", name, type);
  }
  std::string out_;
};

// What is measured of each leg; the labels go away with it.
struct LegFigures {
  std::string labels;
  rtp::SessionStats session;
  mixer::MemberStats mixed;
  QualityJournal::Rates rates;
  std::optional<double> mos, mos_of_late;
};

std::vector<LegFigures> figures_of(const RoomManager& manager) {
  std::vector<LegFigures> all;
  for (const auto& [name, room] : manager.rooms())
    for (const auto& [id, leg] : room->legs())
      all.push_back({fmt::format("room=\"{}\",leg=\"{}\"", name, id), leg->figures(), leg->mixed(),
                     leg->quality().rates(), leg->quality().mos(), leg->quality().mos_of_late()});
  return all;
}

void write_legs(Writer& writer, const RoomManager& manager) {
  const auto legs = figures_of(manager);
  const auto per_media = [&](std::string_view name, std::string_view help, auto field) {
    writer.gauge(name, help, [&](auto&& sample) {
      for (const auto& leg : legs) {
        if (leg.session.audio.present) sample(leg.labels + ",media=\"audio\"", field(leg.session.audio));
        if (leg.session.video.present) sample(leg.labels + ",media=\"video\"", field(leg.session.video));
      }
    });
  };
  per_media("partyline_leg_packets_received", "RTP packets of this leg so far",
            [](const auto& t) { return static_cast<double>(t.packets_received); });
  per_media("partyline_leg_packets_lost", "RTP packets of it that never came",
            [](const auto& t) { return static_cast<double>(t.packets_lost); });
  per_media("partyline_leg_packets_recovered", "repaired in time: sent again, RED, in-band FEC",
            [](const auto& t) { return static_cast<double>(t.packets_recovered); });
  per_media("partyline_leg_packets_missing", "RTP packets of it that nothing repaired",
            [](const auto& t) { return static_cast<double>(t.packets_missing); });
  per_media("partyline_leg_packets_late", "RTP packets of it that came, but too late",
            [](const auto& t) { return static_cast<double>(t.packets_late); });
  per_media("partyline_leg_nacks_sent", "times it was asked to send something again",
            [](const auto& t) { return static_cast<double>(t.nacks_sent); });
  per_media("partyline_leg_nacks_received", "times it asked us to",
            [](const auto& t) { return static_cast<double>(t.nacks_received); });
  per_media("partyline_leg_packets_resent", "packets sent to it again",
            [](const auto& t) { return static_cast<double>(t.packets_resent); });
  per_media("partyline_leg_peer_loss_ratio", "loss of what we send, by its last report",
            [](const auto& t) { return t.peer_fraction_lost; });
  per_media("partyline_leg_jitter_seconds", "interarrival jitter (RFC 3550)",
            [](const auto& t) { return t.jitter_ms / 1000; });
  per_media("partyline_leg_round_trip_seconds", "by RTCP; 0: not known",
            [](const auto& t) { return t.round_trip_ms / 1000; });
  writer.gauge("partyline_leg_bits_per_second", "RTP payload now", [&](auto&& sample) {
    for (const auto& leg : legs)
      for (const auto& [media, direction, rate] : {std::tuple{"audio", "in", leg.rates.audio_in},
                                                   {"audio", "out", leg.rates.audio_out},
                                                   {"video", "in", leg.rates.video_in},
                                                   {"video", "out", leg.rates.video_out}})
        sample(fmt::format("{},media=\"{}\",direction=\"{}\"", leg.labels, media, direction),
               static_cast<double>(rate.bits_per_second));
  });
  const auto keyframes = [&](std::string_view name, std::string_view help, auto in, auto out) {
    writer.gauge(name, help, [&](auto&& sample) {
      for (const auto& leg : legs) {
        if (!leg.session.video.present) continue;
        sample(leg.labels + ",direction=\"in\"", static_cast<double>(leg.session.video.*in));
        sample(leg.labels + ",direction=\"out\"", static_cast<double>(leg.session.video.*out));
      }
    });
  };
  keyframes("partyline_leg_keyframes", "keyframes it sent (in) and was sent (out)",
            &rtp::TrackStats::keyframes_received, &rtp::TrackStats::keyframes_sent);
  keyframes("partyline_leg_keyframes_requested", "times it was asked for a keyframe (in), and asked us (out)",
            &rtp::TrackStats::keyframes_requested_by_us, &rtp::TrackStats::keyframes_requested_by_peer);
  const auto per_leg = [&](std::string_view name, std::string_view help, auto field) {
    writer.gauge(name, help, [&](auto&& sample) {
      for (const auto& leg : legs) sample(leg.labels, field(leg));
    });
  };
  per_leg("partyline_leg_playout_delay_seconds", "depth of its jitter buffer",
          [](const auto& leg) { return leg.mixed.playout_delay_ms / 1000; });
  per_leg("partyline_leg_concealed_seconds", "audio that had to be invented",
          [](const auto& leg) { return static_cast<double>(leg.mixed.audio_concealed_ms) / 1000; });
  per_leg("partyline_leg_freezes", "times its picture stood still",
          [](const auto& leg) { return static_cast<double>(leg.mixed.video_freezes); });
  per_leg("partyline_leg_frozen_seconds", "time its picture stood still",
          [](const auto& leg) { return static_cast<double>(leg.mixed.video_frozen_ms) / 1000; });
  writer.gauge("partyline_leg_mos", "estimated mean opinion score of its speech (E-model)", [&](auto&& sample) {
    for (const auto& leg : legs)
      if (leg.mos) sample(leg.labels, *leg.mos);
  });
  writer.gauge("partyline_leg_mos_of_late", "the same of its last ten seconds", [&](auto&& sample) {
    for (const auto& leg : legs)
      if (leg.mos_of_late) sample(leg.labels, *leg.mos_of_late);
  });
}

// What each receiver of the mix gets of it.
void write_pictures(Writer& writer, const RoomManager& manager) {
  const auto picture_gauge = [&](std::string_view name, std::string_view help, auto value) {
    writer.gauge(name, help, [&](auto&& sample) {
      const auto one = [&](const std::string& room, const std::string& receiver, const AdaptivePicture* picture,
                           const rtp::SessionStats& stats) {
        if (!picture || !picture->rendition()) return;
        const auto& r = *picture->rendition();
        sample(fmt::format("room=\"{}\",receiver=\"{}\",rendition=\"{}x{}@{}\"", room, receiver, r.size.width,
                           r.size.height, r.frames_per_second),
               static_cast<double>(value(*picture, stats)));
      };
      for (const auto& [room_name, room] : manager.rooms()) {
        for (const auto& [id, leg] : room->legs()) one(room_name, id, leg->picture(), leg->stats());
        for (const auto& [stream, push] : room->pushes()) one(room_name, stream, &push->picture(), push->stats());
      }
    });
  };
  picture_gauge("partyline_video_target_bits", "Bits a second that the encoder of a receiver's picture aims at",
                [](const AdaptivePicture& picture, const auto&) { return picture.target().bits_per_second; });
  picture_gauge("partyline_video_available_bits", "Bits a second that the way to a receiver carries; 0: not known",
                [](const auto&, const rtp::SessionStats& stats) { return stats.available_out.bits_per_second; });
}

}  // namespace

std::string render_metrics(const RoomManager& manager, const mixer::EngineLoad& load) {
  Writer writer;
  const auto& rooms = manager.rooms();
  writer.gauge("partyline_rooms", "Rooms there are",
               [&](auto&& sample) { sample("", static_cast<double>(rooms.size())); });
  writer.gauge("partyline_room_mixing", "1 while the room is mixed", [&](auto&& sample) {
    for (const auto& [name, room] : rooms) sample(fmt::format("room=\"{}\"", name), room->mixing() ? 1 : 0);
  });
  writer.gauge("partyline_room_legs", "Legs in the room by kind", [&](auto&& sample) {
    for (const auto& [name, room] : rooms) {
      std::map<std::string, int> kinds{{"sip", 0}, {"whep", 0}};
      for (const auto& [id, leg] : room->legs()) ++kinds[std::string(leg->kind())];
      for (const auto& [kind, count] : kinds) sample(fmt::format("room=\"{}\",kind=\"{}\"", name, kind), count);
    }
  });
  const auto mixer_gauge = [&](std::string_view name, std::string_view help, auto field) {
    writer.gauge(name, help, [&](auto&& sample) {
      for (const auto& [room_name, room] : rooms)
        if (const auto stats = room->mixer_stats())
          sample(fmt::format("room=\"{}\"", room_name), static_cast<double>((*stats).*field));
    });
  };
  mixer_gauge("partyline_room_audio_encoders", "Audio encodes running", &mixer::RoomStats::audio_encoders);
  mixer_gauge("partyline_room_video_encoders", "Video encodes running", &mixer::RoomStats::video_encoders);
  mixer_gauge("partyline_room_audio_outputs", "Receivers of mixed audio", &mixer::RoomStats::audio_outputs);
  mixer_gauge("partyline_room_video_outputs", "Receivers of mixed video", &mixer::RoomStats::video_outputs);
  mixer_gauge("partyline_room_audio_passed", "Receivers of another member's audio as it is",
              &mixer::RoomStats::audio_passed);
  mixer_gauge("partyline_room_video_passed", "Receivers of another member's video as it is",
              &mixer::RoomStats::video_passed);
  mixer_gauge("partyline_room_audio_ticks_late", "Audio ticks that came late", &mixer::RoomStats::audio_ticks_late);
  mixer_gauge("partyline_room_video_ticks_late", "Video ticks left out", &mixer::RoomStats::video_ticks_late);
  mixer_gauge("partyline_room_pool_seconds", "Time of the worker pool it took", &mixer::RoomStats::pool_seconds);
  const auto engine_gauge = [&](std::string_view name, std::string_view help, double value) {
    writer.gauge(name, help, [value](auto&& sample) { sample("", value); });
  };
  engine_gauge("partyline_mixer_busy_ratio", "Share of the worker pool's time in use", load.busy);
  engine_gauge("partyline_mixer_governor_step", "Cuts the overload governor has made; 0: none", load.step);
  engine_gauge("partyline_mixer_accepts_rooms", "0: new rooms are refused", load.accepts_rooms ? 1 : 0);
  write_legs(writer, manager);
  write_pictures(writer, manager);
  writer.counters();
  return writer.take();
}

}  // namespace partyline::gateway
