// What a mixed room costs: processor time of whole rooms fed in real time, against the floor, which is what their
// codecs alone cost on one thread in the same minute, and how long after its tick a frame reaches its sink.
//
//   video rooms: N members send 640x360@25 H.264 and Opus, all of them or two talking; each gets the 1280x720@30 canvas
//                (one encode for all) and Opus without himself (an encode for each who talks and one for the others).
//                Floor: N decodes and one encode of the very same canvas, N Opus decodes and the distinct encodes.
//                floor_in_time: the same, but each piece when it falls due, asleep between. That alone costs a tenth to
//                a third more on the same thread: a core that wakes starts with cold caches and a low clock.
//                Beside it: ffmpeg and GStreamer at the same job.
//   viewers:     what one more costs who gets the same picture and the same sound.
//   own view:    what it costs that one gets the picture without himself, beside one more encode of all's picture.
//   audio rooms: PCMU callers who get PCMU, all of them or one in 25 talking.
//
// The feeder's own cost (the same reels played to nobody) is subtracted. Sides run in turn, room, floor, peers, room, …
// and the cheaper run of each counts: other programs can only add. Starting up is not measured.
#include <optional>

#include "mixer/codec/audio_codec.hpp"
#include "tests/bench/bench_support.hpp"
#include "tests/bench/mixer_floor.hpp"
#include "tests/bench/mixer_peers.hpp"
#include "tests/bench/mixer_room.hpp"

namespace partyline::bench {
namespace {

constexpr int kRuns = 2;
constexpr double kWholePictures = 29;  // of 30 a second

struct Tables {
  Results rooms{"mixer"}, peers{"mixer"}, published{"mixer"};
  bool held_up = false;  // a room could not deliver all its pictures
};

/// FreeSWITCH 1.11.1 in rooms where all talk, cores: one shared encoder, an encoder each (its default), and the floor
/// measured beside it (decoding and one encode).
struct Published {
  int members = 0;
  double shared = 0, each = 0, floor = 0;
};
constexpr std::array<Published, 4> kPublished{
    {{2, 0.238, 0.42, 0.155}, {4, 0.356, 0.97, 0.199}, {8, 0.540, 1.93, 0.232}, {12, 0.70, 1.93, 0.267}}};

const Published* find_published(const Case& what) {
  const auto* const found = std::find_if(kPublished.begin(), kPublished.end(),
                                         [&](const Published& row) { return row.members == what.members; });
  return what.talking == what.members && found != kPublished.end() ? found : nullptr;
}

void add_latencies(Results& results, const Case& what, const std::string& kind, const std::vector<double>& latencies) {
  results.add(what.name, kind + "_p50", percentile(latencies, 0.5), "ms");
  results.add(what.name, kind + "_p95", percentile(latencies, 0.95), "ms");
}

double pictures_of(const RoomRun& run, const Case& what) {
  return static_cast<double>(run.video.size()) / what.members / what.seconds();
}

/// The cheapest of the runs that were not held up; if all were, the one that was least.
void keep_better(RoomRun& best, RoomRun&& run, const Case& what) {
  const double pictures = pictures_of(run, what), most = pictures_of(best, what);
  const bool both_whole = pictures >= kWholePictures && most >= kWholePictures;
  if (best.cpu == 0 || (both_whole ? run.cpu < best.cpu : pictures > most)) best = std::move(run);
}

struct VideoCosts {
  double room = 0, floor = 0, in_time = 0, reference = 0;
  std::map<Peer, PeerRun> peers;
};

void keep_cheaper(double& best, double cost) {
  if (best == 0 || cost < best) best = cost;
}

VideoCosts measure_video(const Case& what, Library& library, Clips& clips, bool with_peers, RoomRun& best) {
  const double feeder = measure_feeder(what, library);
  VideoCosts costs;
  for (int i = 0; i < kRuns; ++i) {
    keep_better(best, run_room(what, library), what);
    const auto usual = must(mixer::make_video_encoder(mixer::VideoRendition{})), reference = make_reference_encoder();
    const auto another = must(mixer::make_video_encoder(mixer::VideoRendition{}));
    keep_cheaper(costs.in_time, video_floor(what, library, *another, Pace::real_time) + audio_floor(what, library));
    keep_cheaper(costs.floor, video_floor(what, library, *usual) + audio_floor(what, library));
    if (find_published(what)) keep_cheaper(costs.reference, video_floor(what, library, *reference));
    for (const Peer peer : {Peer::ffmpeg, Peer::gstreamer}) {
      if (!with_peers || !is_installed(peer)) continue;
      const PeerRun run = run_peer(peer, what, clips);
      PeerRun& kept = costs.peers[peer];
      if (kept.cpu == 0 || run.cpu < kept.cpu) kept = run;
    }
  }
  costs.room = best.cpu - feeder;
  return costs;
}

void bench_video(const Case& what, Library& library, Clips& clips, bool with_peers, Tables& tables) {
  RoomRun best;
  const VideoCosts costs = measure_video(what, library, clips, with_peers, best);
  Results& rooms = tables.rooms;
  rooms.add(what.name, "room", costs.room, "cpu s/s");
  rooms.add(what.name, "floor", costs.floor, "cpu s/s");
  rooms.add(what.name, "ratio", costs.room / costs.floor, "");
  rooms.add(what.name, "floor_in_time", costs.in_time, "cpu s/s");
  rooms.add(what.name, "ratio_in_time", costs.room / costs.in_time, "");
  add_latencies(rooms, what, "video", best.video);
  add_latencies(rooms, what, "audio", best.audio);
  // What was delivered, so that a room that saved its time by being late is not taken for a quick one.
  rooms.add(what.name, "pictures", pictures_of(best, what), "1/s");
  tables.held_up |= pictures_of(best, what) < kWholePictures;
  rooms.add(what.name, "audio_encoders", best.stats.audio_encoders, "");
  for (const auto& [peer, run] : costs.peers) {
    const std::string name = name_of(peer);
    tables.peers.add(what.name, name, run.cpu, "cpu s/s");
    tables.peers.add(what.name, "room/" + name, run.cpu > 0 ? costs.room / run.cpu : 0, "");
    tables.peers.add(what.name, name + "_pictures", run.pictures, "1/s");
    tables.peers.add(what.name, name + "_rate", run.kbps, "kbit/s");
  }
  if (const Published* published = find_published(what)) {
    const double speed = costs.reference / published->floor;
    tables.published.add(what.name, "this_machine", speed, "");
    tables.published.add(what.name, "shared_encoder", speed * published->shared, "cpu s/s");
    tables.published.add(what.name, "room/shared", costs.room / (speed * published->shared), "");
    tables.published.add(what.name, "encoder_each", speed * published->each, "cpu s/s");
    tables.published.add(what.name, "room/each", costs.room / (speed * published->each), "");
  }
}

void print_video(Tables& tables) {
  tables.rooms.print();
  if (tables.held_up) {
    fmt::print(
        "With fewer than {} pictures a second a room was held up by other programs: it did less than its floor\n"
        "and the others did. Run it again on a quieter machine, or with a higher priority (nice -n -20).\n\n",
        kWholePictures);
  }
  if (!tables.peers.empty()) fmt::print("The same pictures and one mix of the sound by others:\n");
  tables.peers.print();
  for (const Peer peer : {Peer::ffmpeg, Peer::gstreamer}) {
    if (!tables.rooms.empty() && !is_installed(peer)) {
      fmt::print("{}: skipped: not installed (scripts/setup --bench installs it)\n\n", name_of(peer));
    }
  }
  if (tables.published.empty()) return;
  fmt::print(
      "FreeSWITCH 1.11.1 was not run: its published figures (with RTP and all), scaled by this run's floor of its own\n"
      "settings (decoding and x264 veryfast at 2.1 Mbit/s) over the published one; encoder_each is its default:\n");
  tables.published.print();
}

/// Processor time of one more who hears and sees what others do: no network here, so what is measured is the mixer's.
void bench_viewers(core::Duration length, Library& library, Results& results) {
  Case few{"more_viewers", 4, 2, true, 0, core::Codec::opus, length}, many = few;
  many.viewers = 200;
  RoomRun without, with;
  for (int i = 0; i < kRuns; ++i) {
    keep_better(without, run_room(few, library), few);
    keep_better(with, run_room(many, library), many);
  }
  results.add(few.name, "viewers", many.viewers, "");
  results.add(few.name, "each", 100 * (with.cpu - without.cpu) / many.viewers, "% of a core");
  results.add(few.name, "video_encoders", with.stats.video_encoders, "");
  results.add(few.name, "audio_encoders", with.stats.audio_encoders, "");
}

/// The picture without its receiver, beside one more encode of the picture that all get.
void bench_own_view(core::Duration length, Library& library, Results& results) {
  Case what{"own_view", 4, 2, true, 0, core::Codec::opus, length};
  std::map<Case::Another, RoomRun> best;
  for (int i = 0; i < kRuns; ++i) {
    for (const auto another : {Case::Another::none, Case::Another::rendition, Case::Another::own_view}) {
      what.another = another;
      keep_better(best[another], run_room(what, library), what);
    }
  }
  const double none = best[Case::Another::none].cpu;
  results.add(what.name, "rendition", best[Case::Another::rendition].cpu - none, "cpu s/s");
  results.add(what.name, "own_view", best[Case::Another::own_view].cpu - none, "cpu s/s");
  results.add(what.name, "video_encoders", best[Case::Another::own_view].stats.video_encoders, "");
}

void bench_audio(const Case& what, Library& library, Results& results) {
  const double feeder = measure_feeder(what, library);
  RoomRun best;
  for (int i = 0; i < kRuns; ++i) {
    RoomRun run = run_room(what, library);
    if (i == 0 || run.cpu < best.cpu) best = std::move(run);
  }
  results.add(what.name, "room", 1000 * (best.cpu - feeder) / what.members, "cpu ms/caller/s");
  add_latencies(results, what, "audio", best.audio);
  results.add(what.name, "packets", static_cast<double>(best.audio.size()) / what.members / what.seconds(),
              "1/caller/s");
  results.add(what.name, "audio_encoders", best.stats.audio_encoders, "");
}

/// `only`: cases whose name contains it.
int run(bool quick, const std::string& only, const std::string& json) {
  Library library;
  Clips clips(library);
  Results results("mixer");
  Tables tables;
  const core::Duration length = quick ? 2s : 6s;
  const auto wanted = [&](const Case& what) { return what.name.find(only) != std::string::npos; };
  for (const int n : quick ? std::vector{2, 8} : std::vector{2, 4, 8, 12, 16}) {
    for (const auto& [talk, talking] : {std::pair("all", n), std::pair("2", 2)}) {
      const bool all = std::string_view(talk) == "all";
      if (all ? n == 16 : n == 2) continue;  // two of two are all; nobody published sixteen who all talk
      const Case what{fmt::format("video_{}_{}_talk", n, talk), n, talking, true, 0, core::Codec::opus, length};
      if (wanted(what)) bench_video(what, library, clips, talking == 2, tables);
    }
  }
  print_video(tables);
  if (std::string_view("more_viewers").find(only) != std::string_view::npos) bench_viewers(length, library, results);
  results.print();
  if (std::string_view("own_view").find(only) != std::string_view::npos) bench_own_view(length, library, results);
  results.print();
  for (const core::Codec codec : {core::Codec::pcmu, core::Codec::opus}) {
    const char* const name = codec == core::Codec::pcmu ? "pcmu" : "opus";
    for (const int n : quick ? std::vector{50} : std::vector{50, 200, 1000}) {
      if (codec == core::Codec::opus && n > 200) continue;
      for (const auto& [talk, talking] : {std::pair("all", n), std::pair("4pc", n / 25)}) {
        const Case what{fmt::format("{}_{}_{}_talk", name, n, talk), n, talking, false, 0, codec, length};
        if (wanted(what)) bench_audio(what, library, results);
      }
    }
  }
  results.print();
  for (const Results* table : {&tables.rooms, &tables.peers, &tables.published}) results.append(*table);
  if (json.empty() || results.write_json(json)) return 0;
  std::fprintf(stderr, "mixer_bench: cannot write %s\n", json.c_str());
  return 1;
}

}  // namespace
}  // namespace partyline::bench

int main(int argc, char** argv) {
  return partyline::bench::run_bench(argc, argv, partyline::bench::run);
}
