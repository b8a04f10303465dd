// A room of the mixer under load, in this process: its members' media comes from reels, in real time, and goes to sinks
// that note when it came. No sockets, no RTP.
//
// Thread: the benchmark's main thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "mixer/room_mixer.hpp"
#include "tests/bench/bench_media.hpp"

namespace partyline::bench {

inline constexpr core::Duration kWarmUp = 2s;  // an encoder's rate control has settled, joins have been faded in
inline constexpr core::Duration kVideoInterval = core::Duration(1s) / kCameraRate;
inline constexpr core::Duration kAudioInterval = 20ms;
static_assert(kVideoInterval * kCameraRate == 1s);

struct Case {
  std::string name;
  int members = 0, talking = 0;
  bool video = false;
  int viewers = 0;  // more who hear and see the same and send nothing
  core::Codec audio = core::Codec::opus;
  core::Duration length{};
  enum class Another { none, rendition, own_view } another{};  // what the first one gets instead of the others' picture
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

struct RoomRun {
  double cpu = 0;                    // processor seconds a second, with the feeder's
  std::vector<double> video, audio;  // latencies, ms
  mixer::RoomStats stats;
};

std::vector<Stream> streams_of(const Case& what, Library& library,
                               const std::function<core::FrameSink*(int member, core::MediaKind)>& sink_of);

/// What playing the reels to nobody costs: processor seconds a second.
double measure_feeder(const Case& what, Library& library);

RoomRun run_room(const Case& what, Library& library);

}  // namespace partyline::bench
