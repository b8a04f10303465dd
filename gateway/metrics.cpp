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

// What is measured of each way that packets take; the labels go away with it.
struct Figures {
  std::string labels;
  rtp::SessionStats session;
  QualityJournal::Rates rates;
  std::optional<double> mos;
};

/// `prefix`: of the names.
void write_tracks(Writer& writer, const std::string& prefix, const std::vector<Figures>& all) {
  const auto per_media = [&](std::string_view name, std::string_view help, auto field) {
    writer.gauge(prefix + std::string(name), help, [&](auto&& sample) {
      for (const auto& one : all) {
        if (one.session.audio.present) sample(one.labels + ",media=\"audio\"", field(one.session.audio));
        if (one.session.video.present) sample(one.labels + ",media=\"video\"", field(one.session.video));
      }
    });
  };
  const auto count = [&](std::string_view name, std::string_view help, uint64_t rtp::TrackStats::*field) {
    per_media(name, help, [field](const auto& track) { return static_cast<double>(track.*field); });
  };
  using Track = rtp::TrackStats;
  count("packets_received", "RTP packets of it so far", &Track::packets_received);
  count("packets_lost", "RTP packets of it that never came", &Track::packets_lost);
  count("packets_recovered", "repaired in time: sent again, RED, in-band FEC", &Track::packets_recovered);
  count("packets_missing", "RTP packets of it that nothing repaired", &Track::packets_missing);
  count("packets_late", "RTP packets of it that came, but too late", &Track::packets_late);
  count("packets_sent", "RTP packets sent to it", &Track::packets_sent);
  count("packets_resent", "of those, sent again", &Track::packets_resent);
  count("nacks_sent", "times it was asked to send something again", &Track::nacks_sent);
  count("nacks_received", "times it asked us to", &Track::nacks_received);
  per_media("peer_loss_ratio", "loss of what we send, by its last report",
            [](const auto& track) { return track.peer_fraction_lost; });
  per_media("jitter_seconds", "interarrival jitter (RFC 3550)",
            [](const auto& track) { return track.jitter_ms / 1000; });
  per_media("round_trip_seconds", "by RTCP; 0: not known",
            [](const auto& track) { return track.round_trip_ms / 1000; });
  writer.gauge(prefix + "bits_per_second", "RTP payload now", [&](auto&& sample) {
    for (const auto& one : all)
      for (const auto& [media, direction, rate] : {std::tuple{"audio", "in", one.rates.audio_in},
                                                   {"audio", "out", one.rates.audio_out},
                                                   {"video", "in", one.rates.video_in},
                                                   {"video", "out", one.rates.video_out}})
        sample(fmt::format("{},media=\"{}\",direction=\"{}\"", one.labels, media, direction),
               static_cast<double>(rate.bits_per_second));
  });
  const auto keyframes = [&](std::string_view name, std::string_view help, auto in, auto out) {
    writer.gauge(prefix + std::string(name), help, [&](auto&& sample) {
      for (const auto& one : all) {
        if (!one.session.video.present) continue;
        sample(one.labels + ",direction=\"in\"", static_cast<double>(one.session.video.*in));
        sample(one.labels + ",direction=\"out\"", static_cast<double>(one.session.video.*out));
      }
    });
  };
  keyframes("keyframes", "keyframes it sent (in) and was sent (out)", &Track::keyframes_received,
            &Track::keyframes_sent);
  keyframes("keyframes_requested", "times it was asked for a keyframe (in), and asked us (out)",
            &Track::keyframes_requested_by_us, &Track::keyframes_requested_by_peer);
  writer.gauge(prefix + "mos", "estimated mean opinion score of its speech (E-model)", [&](auto&& sample) {
    for (const auto& one : all)
      if (one.mos) sample(one.labels, *one.mos);
  });
}

void write_legs(Writer& writer, const RoomManager& manager) {
  std::vector<Figures> all;
  struct Played {
    std::string labels;
    mixer::MemberStats mixed;
    std::optional<double> mos_of_late;
  };
  std::vector<Played> played;
  for (const auto& [name, room] : manager.rooms())
    for (const auto& [id, leg] : room->legs()) {
      const auto labels = fmt::format("room=\"{}\",leg=\"{}\"", name, id);
      all.push_back({labels, leg->figures(), leg->quality().rates(), leg->quality().mos()});
      played.push_back({labels, leg->mixed(), leg->quality().mos_of_late()});
    }
  write_tracks(writer, "partyline_leg_", all);
  const auto per_leg = [&](std::string_view name, std::string_view help, auto field) {
    writer.gauge(name, help, [&](auto&& sample) {
      for (const auto& leg : played) sample(leg.labels, field(leg.mixed));
    });
  };
  per_leg("partyline_leg_playout_delay_seconds", "depth of its jitter buffer",
          [](const auto& mixed) { return mixed.playout_delay_ms / 1000; });
  per_leg("partyline_leg_concealed_seconds", "audio that had to be invented",
          [](const auto& mixed) { return static_cast<double>(mixed.audio_concealed_ms) / 1000; });
  per_leg("partyline_leg_fec_recovered", "lost packets heard from in-band FEC (Opus)",
          [](const auto& mixed) { return static_cast<double>(mixed.audio_fec_recovered); });
  per_leg("partyline_leg_freezes", "times its picture stood still",
          [](const auto& mixed) { return static_cast<double>(mixed.video_freezes); });
  per_leg("partyline_leg_frozen_seconds", "time its picture stood still",
          [](const auto& mixed) { return static_cast<double>(mixed.video_frozen_ms) / 1000; });
  writer.gauge("partyline_leg_mos_of_late", "partyline_leg_mos of its last ten seconds", [&](auto&& sample) {
    for (const auto& leg : played)
      if (leg.mos_of_late) sample(leg.labels, *leg.mos_of_late);
  });
}

// Clients of the SFU, where it tells.
void write_links(Writer& writer, const rtp::LinkBook* book) {
  if (!book) return;
  std::vector<Figures> all;
  for (const auto& link : book->links("", false))
    all.push_back({fmt::format("room=\"{}\",stream=\"{}\",client=\"{}\",role=\"{}\"", link.app, link.stream,
                               link.client, link.publishes ? "publisher" : "player"),
                   link.figures.session, link.rates, link.mos});
  write_tracks(writer, "partyline_link_", all);
}

std::string picture_labels(const std::string& room, const std::string& receiver, const mixer::VideoRendition& r) {
  return fmt::format("room=\"{}\",receiver=\"{}\",rendition=\"{}x{}@{}\"", room, receiver, r.size.width, r.size.height,
                     r.frames_per_second);
}

// What each receiver of the mix gets of it; a push of several sizes gets each of them.
void write_targets(Writer& writer, const RoomManager& manager) {
  writer.gauge(
      "partyline_video_target_bits", "Bits a second that the encoder of a receiver's picture aims at",
      [&](auto&& sample) {
        const auto whole = [&](const std::string& room, const std::string& receiver, const AdaptivePicture* picture) {
          if (picture && picture->rendition())
            sample(picture_labels(room, receiver, *picture->rendition()),
                   static_cast<double>(picture->target().bits_per_second));
        };
        const auto layered = [&](const std::string& room, const std::string& stream, const MixPush::Layer& layer) {
          if (layer.rendition)
            sample(fmt::format("{},layer=\"{}\"", picture_labels(room, stream, *layer.rendition), layer.rid),
                   static_cast<double>(layer.target.bits_per_second));
        };
        for (const auto& [name, room] : manager.rooms()) {
          for (const auto& [id, leg] : room->legs()) whole(name, id, leg->picture());
          for (const auto& [stream, push] : room->pushes()) {
            const auto layers = push->layers();
            if (layers.empty()) whole(name, stream, &push->picture());
            for (const auto& layer : layers) layered(name, stream, layer);
          }
        }
      });
}

void write_available(Writer& writer, const RoomManager& manager) {
  writer.gauge("partyline_video_available_bits", "Bits a second that the way to a receiver carries; 0: not known",
               [&](auto&& sample) {
                 const auto one = [&](const std::string& room, const std::string& receiver,
                                      const AdaptivePicture* picture, const rtp::SessionStats& stats) {
                   if (picture && picture->rendition())
                     sample(picture_labels(room, receiver, *picture->rendition()),
                            static_cast<double>(stats.available_out.bits_per_second));
                 };
                 for (const auto& [name, room] : manager.rooms()) {
                   for (const auto& [id, leg] : room->legs()) one(name, id, leg->picture(), leg->stats());
                   for (const auto& [stream, push] : room->pushes()) one(name, stream, &push->picture(), push->stats());
                 }
               });
}

}  // namespace

std::string render_metrics(const RoomManager& manager, const rtp::LinkBook* links, const mixer::EngineLoad& load) {
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
  write_links(writer, links);
  write_targets(writer, manager);
  write_available(writer, manager);
  writer.counters();
  return writer.take();
}

}  // namespace partyline::gateway
