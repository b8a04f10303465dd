// What a mixed room costs: processor time of whole rooms fed in real time, against the floor, which is what their
// codecs alone cost on one thread in the same minute, and how long after its tick a frame reaches its sink.
//
//   video rooms: N members send 640x360@25 H.264 and Opus, all talking; each gets the 1280x720@30 canvas (one encode
//                for all) and Opus without himself (an encode each). Floor: N decodes and one encode of the very same
//                canvas, N Opus decodes and N Opus encodes.
//   audio rooms: PCMU callers who get PCMU, all of them or one in 25 talking.
//
// The feeder's own cost (the same reels played to nobody) is subtracted. Sides run in turn, room, floor, room, floor,
// and the cheaper run of each counts: other programs can only add. Starting up (half a second of media) is not
// measured.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "mixer/codec/video_decoder.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/video_core.hpp"
#include "tests/bench/bench_media.hpp"
#include "tests/bench/bench_support.hpp"

namespace partyline::bench {
namespace {

constexpr core::Duration kWarmUp = 500ms;
constexpr core::Duration kVideoInterval = core::Duration(1s) / kCameraRate;
constexpr core::Duration kAudioInterval = 20ms;
static_assert(kVideoInterval * kCameraRate == 1s);
constexpr float kMixGain = 0.3F;  // keeps the floor's mix away from clipping, as the room's limiter does
constexpr int kRuns = 2;

struct Case {
  std::string name;
  int members = 0, talking = 0;
  bool video = false;
  core::Codec audio = core::Codec::opus;
  core::Duration length{};
  double seconds() const { return std::chrono::duration<double>(length).count(); }
};

/// Reels are made once for all cases.
class Library {
 public:
  const Reel& camera(int member) {
    return get({core::Codec::h264, member, true}, [=] { return make_camera_reel(static_cast<unsigned>(member)); });
  }
  const Reel& voice(core::Codec codec, int member, bool talking) {
    const int seed = member % 16;  // sixteen voices are a crowd
    return get({codec, seed, talking}, [=] { return make_voice_reel(codec, static_cast<unsigned>(seed), talking); });
  }

 private:
  using Key = std::tuple<core::Codec, int, bool>;
  const Reel& get(const Key& key, const std::function<Reel()>& make) {
    const auto found = reels_.find(key);
    return found != reels_.end() ? found->second : reels_.emplace(key, make()).first->second;
  }
  std::map<Key, Reel> reels_;  // nodes stay where they are
};

struct NobodySink final : core::FrameSink {
  void push(const core::EncodedFrame&) override {}
};

/// Notes how long after its tick each frame came.
class LatencySink final : public core::FrameSink {
 public:
  LatencySink() { latencies_.reserve(1024); }
  void push(const core::EncodedFrame& frame) override {
    // An audio packet's `capture` is its first sample's; `arrival` is the tick that encoded it.
    const core::TimePoint tick = core::kind_of(frame.codec) == core::MediaKind::video ? frame.capture : frame.arrival;
    const std::chrono::duration<double, std::milli> latency = core::Clock::now() - tick;
    const std::lock_guard lock(mutex_);
    latencies_.push_back(latency.count());
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    latencies_.clear();
  }
  void append_to(std::vector<double>& all) {
    const std::lock_guard lock(mutex_);
    all.insert(all.end(), latencies_.begin(), latencies_.end());
  }

 private:
  std::mutex mutex_;
  std::vector<double> latencies_;
};

std::vector<Stream> streams_of(const Case& what, Library& library,
                               const std::function<core::FrameSink*(int, core::MediaKind)>& sink_of) {
  std::vector<Stream> streams;
  for (int i = 0; i < what.members; ++i) {
    const core::Duration audio_start = kAudioInterval * i / what.members,
                         video_start = kVideoInterval * i / what.members;
    streams.push_back({&library.voice(what.audio, i, i < what.talking), sink_of(i, core::MediaKind::audio),
                       kAudioInterval, audio_start, 0});
    if (!what.video) continue;
    streams.push_back({&library.camera(i), sink_of(i, core::MediaKind::video), kVideoInterval, video_start, 0});
  }
  return streams;
}

/// Processor seconds a second.
double measure_feeder(const Case& what, Library& library) {
  NobodySink nobody;
  std::vector<Stream> streams = streams_of(what, library, [&](int, core::MediaKind) { return &nobody; });
  double before = 0;
  play(streams, kWarmUp, what.length, [&] { before = process_cpu(); });
  return (process_cpu() - before) / what.seconds();
}

struct RoomRun {
  double cpu = 0;                    // processor seconds a second, with the feeder's
  std::vector<double> video, audio;  // latencies, ms
  mixer::RoomStats stats;
};

RoomRun run_room(const Case& what, Library& library) {
  mixer::Engine engine({});
  mixer::RoomConfig config;
  config.name = what.name;
  const auto room = engine.create_room(config);
  std::vector<std::unique_ptr<mixer::Member>> members;
  std::vector<std::shared_ptr<LatencySink>> pictures, sounds;
  for (int i = 0; i < what.members; ++i) {
    members.push_back(room->add_member({fmt::format("Member {}", i + 1), what.video}));
    sounds.push_back(std::make_shared<LatencySink>());
    must(members.back()->add_audio_output({what.audio, 1, 20, {}}, sounds.back()));
    if (!what.video) continue;
    pictures.push_back(std::make_shared<LatencySink>());
    must(members.back()->add_video_output({}, pictures.back()));
  }
  std::vector<Stream> streams = streams_of(what, library, [&](int member, core::MediaKind kind) {
    mixer::Member& to = *members[static_cast<size_t>(member)];
    return kind == core::MediaKind::video ? &to.video_input() : &to.audio_input();
  });
  RoomRun run;
  double before = 0;
  play(streams, kWarmUp, what.length, [&] {
    for (const auto& sink : sounds) sink->clear();
    for (const auto& sink : pictures) sink->clear();
    before = process_cpu();
  });
  run.cpu = (process_cpu() - before) / what.seconds();
  run.stats = room->stats();
  for (const auto& sink : sounds) sink->append_to(run.audio);
  for (const auto& sink : pictures) sink->append_to(run.video);
  return run;
}

/// A tile's pictures in virtual time: what was decoded last.
struct LastPicture final : mixer::PictureFeed {
  std::optional<mixer::Picture> next;
  void set_wanted(bool, core::TimePoint) override {}
  std::optional<mixer::Picture> take_due(core::TimePoint, core::Duration) override { return std::exchange(next, {}); }
};

/// The video codecs alone: every frame decoded as it falls due, the canvas painted (not measured) and encoded.
double video_floor(const Case& what, Library& library) {
  mixer::VideoCore core({});
  const mixer::VideoRendition rendition;
  const auto encoder = must(mixer::make_video_encoder(rendition));
  core.add_output(1, rendition, std::make_shared<mixer::OutputGate>(nullptr));
  std::vector<std::unique_ptr<mixer::VideoDecoder>> decoders;
  std::vector<std::shared_ptr<LastPicture>> feeds;
  for (int i = 0; i < what.members; ++i) {
    decoders.push_back(must(mixer::make_video_decoder(core::Codec::h264)));
    feeds.push_back(std::make_shared<LastPicture>());
    core.add_tile(static_cast<uint64_t>(i) + 1, fmt::format("Member {}", i + 1), true, feeds.back());
  }
  std::vector<Stream> streams;
  for (int i = 0; i < what.members; ++i) {
    streams.push_back({&library.camera(i), nullptr, kVideoInterval, kVideoInterval * i / what.members, 0});
  }
  ThreadCpu warm_up, measured;
  const core::TimePoint origin(1h);
  for (core::Duration time{}; time < kWarmUp + what.length; time += core.frame_interval()) {
    ThreadCpu& cpu = time < kWarmUp ? warm_up : measured;
    for (size_t i = 0; i < streams.size(); ++i) {
      for (Stream& stream = streams[i]; stream.start + stream.sent * stream.interval <= time;) {
        const auto& frame = (*stream.reel)[static_cast<size_t>(stream.sent++) % stream.reel->size()];
        mixer::Picture picture;
        cpu.start();
        const bool whole = decoders[i]->decode(frame, picture) == mixer::DecodeStatus::picture;
        cpu.stop();
        if (whole) feeds[i]->next = std::move(picture);
      }
    }
    for (const mixer::EncodeJob& job : core.tick(origin + time)) {
      mixer::EncodedPicture encoded;
      cpu.start();
      encoder->encode(job.picture.view(), time / 1ms * 90, job.keyframe, encoded);
      cpu.stop();
    }
    for (const auto& key : core.gallery().take_wishes()) {
      core.gallery().hang(key, mixer::draw_art(key, mixer::EngineConfig().font));
    }
  }
  return measured.seconds() / what.seconds();
}

/// The audio codecs alone: a decode and an encode for each, of all the others (the mixing is not measured).
double audio_floor(const Case& what, Library& library) {
  const mixer::AudioCodecRow* row = mixer::find_audio_codec(what.audio);
  mixer::AudioEncoderConfig config;
  config.packet_samples = row->sample_rate / 50;
  config.bitrate = what.audio == core::Codec::opus ? mixer::RoomConfig().opus_bitrate : row->default_bitrate;
  const auto samples = static_cast<size_t>(config.packet_samples), members = static_cast<size_t>(what.members);
  std::vector<std::unique_ptr<mixer::AudioDecoder>> decoders;
  std::vector<std::unique_ptr<mixer::AudioEncoder>> encoders;
  for (size_t i = 0; i < members; ++i) {
    decoders.push_back(row->make_decoder());
    encoders.push_back(must(row->make_encoder(config)));
  }
  std::vector<std::vector<float>> voices(members, std::vector<float>(samples * mixer::kMaxPacketMs / 20));
  std::vector<float> all(samples), others(samples);
  std::vector<uint8_t> packet(mixer::kMaxEncodedAudio);
  ThreadCpu cpu;
  const auto ticks = static_cast<size_t>(what.length / kAudioInterval);
  for (size_t tick = 0; tick < ticks; ++tick) {
    std::fill(all.begin(), all.end(), 0.0F);
    for (size_t i = 0; i < members; ++i) {
      const Reel& reel = library.voice(what.audio, static_cast<int>(i), static_cast<int>(i) < what.talking);
      cpu.start();
      decoders[i]->decode(reel[tick % reel.size()].data, voices[i]);
      cpu.stop();
      for (size_t s = 0; s < samples; ++s) all[s] += voices[i][s];
    }
    for (size_t i = 0; i < members; ++i) {
      for (size_t s = 0; s < samples; ++s) others[s] = kMixGain * (all[s] - voices[i][s]);
      cpu.start();
      encoders[i]->encode(others, packet);
      cpu.stop();
    }
  }
  return cpu.seconds() / what.seconds();
}

void add_latencies(Results& results, const Case& what, const std::string& kind, const std::vector<double>& latencies) {
  results.add(what.name, kind + "_p50", percentile(latencies, 0.5), "ms");
  results.add(what.name, kind + "_p95", percentile(latencies, 0.95), "ms");
}

void bench_video(const Case& what, Library& library, Results& results) {
  const double feeder = measure_feeder(what, library);
  double floor = 0;
  RoomRun best;
  for (int i = 0; i < kRuns; ++i) {
    RoomRun run = run_room(what, library);
    const double codecs = video_floor(what, library) + audio_floor(what, library);
    if (i == 0 || codecs < floor) floor = codecs;
    if (i == 0 || run.cpu < best.cpu) best = std::move(run);
  }
  const double room = best.cpu - feeder;
  results.add(what.name, "room", room, "cpu s/s");
  results.add(what.name, "floor", floor, "cpu s/s");
  results.add(what.name, "ratio", room / floor, "");
  add_latencies(results, what, "video", best.video);
  add_latencies(results, what, "audio", best.audio);
  // What was delivered, so that a room that saved its time by being late is not taken for a quick one.
  results.add(what.name, "pictures", static_cast<double>(best.video.size()) / what.members / what.seconds(), "1/s");
  results.add(what.name, "audio_encoders", best.stats.audio_encoders, "");
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
  Results results("mixer");
  const core::Duration length = quick ? 2s : 4s;
  const auto wanted = [&](const Case& what) { return what.name.find(only) != std::string::npos; };
  for (const int n : quick ? std::vector{2} : std::vector{2, 4, 8}) {
    const Case what{fmt::format("video_{}", n), n, n, true, core::Codec::opus, length};
    if (wanted(what)) bench_video(what, library, results);
  }
  results.print();
  for (const core::Codec codec : {core::Codec::pcmu, core::Codec::opus}) {
    const char* const name = codec == core::Codec::pcmu ? "pcmu" : "opus";
    for (const int n : quick ? std::vector{50} : std::vector{50, 200, 1000}) {
      if (codec == core::Codec::opus && n > 200) continue;
      for (const auto& [talk, talking] : {std::pair("all", n), std::pair("4pc", n / 25)}) {
        const Case what{fmt::format("{}_{}_{}_talk", name, n, talk), n, talking, false, codec, length};
        if (wanted(what)) bench_audio(what, library, results);
      }
    }
  }
  results.print();
  if (json.empty() || results.write_json(json)) return 0;
  std::fprintf(stderr, "mixer_bench: cannot write %s\n", json.c_str());
  return 1;
}

}  // namespace
}  // namespace partyline::bench

int main(int argc, char** argv) {
  return partyline::bench::run_bench(argc, argv, partyline::bench::run);
}
