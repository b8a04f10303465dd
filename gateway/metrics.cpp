#include "gateway/metrics.hpp"

#include <fmt/format.h>

#include <iterator>

#include "core/counters.hpp"

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

}  // namespace

std::string render_metrics(const RoomManager& manager) {
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
  mixer_gauge("partyline_room_audio_ticks_late", "Audio ticks that came late", &mixer::RoomStats::audio_ticks_late);
  mixer_gauge("partyline_room_video_ticks_late", "Video ticks left out", &mixer::RoomStats::video_ticks_late);
  writer.counters();
  return writer.take();
}

}  // namespace partyline::gateway
