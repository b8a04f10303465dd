#include "tests/bench/mixer_room.hpp"

#include <fmt/core.h>

#include <mutex>

#include "tests/bench/bench_process.hpp"
#include "tests/bench/bench_support.hpp"

namespace partyline::bench {
namespace {

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

}  // namespace

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

double measure_feeder(const Case& what, Library& library) {
  NobodySink nobody;
  std::vector<Stream> streams = streams_of(what, library, [&](int, core::MediaKind) { return &nobody; });
  double before = 0;
  play(streams, kWarmUp, what.length, [&] { before = process_cpu(); });
  return (process_cpu() - before) / what.seconds();
}

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
    mixer::VideoRendition picture;
    if (i == 0 && what.another == Case::Another::rendition) picture.bitrate = core::Bitrate::kbps(1990);
    if (i == 0 && what.another == Case::Another::own_view) picture.hidden_member = members.back()->id();
    must(members.back()->add_video_output(picture, pictures.back()));
  }
  for (int i = 0; i < what.viewers; ++i) {
    members.push_back(room->add_member({fmt::format("Viewer {}", i + 1), false}));
    must(members.back()->add_audio_output({what.audio, 1, 20, {}}, std::make_shared<NobodySink>()));
    must(members.back()->add_video_output({}, std::make_shared<NobodySink>()));
  }
  std::vector<Stream> streams = streams_of(what, library, [&](int member, core::MediaKind kind) {
    mixer::Member& to = *members[static_cast<size_t>(member)];
    return kind == core::MediaKind::video ? &to.video_input() : &to.audio_input();
  });
  RoomRun run;
  lend_priority(::getpid());
  double before = 0;
  play(streams, kWarmUp, what.length, [&] {
    lend_priority(::getpid());  // a thread that was slow to start has niced itself since
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

}  // namespace partyline::bench
