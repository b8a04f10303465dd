// The same picture and a mix of all the sound by ffmpeg (xstack) and by GStreamer (compositor), from clips of the same
// reels, in real time: what Debian's programs take for it.
//
// Thread: the benchmark's main thread.
#pragma once

#include <optional>
#include <string>

#include "tests/bench/bench_process.hpp"
#include "tests/bench/mixer_room.hpp"

namespace partyline::bench {

/// Members' cameras and voices as Matroska files, made with ffmpeg when first asked for.
class Clips {
 public:
  explicit Clips(Library& library) : library_(library) {}
  /// Nothing without ffmpeg.
  std::optional<std::string> get(int member, bool talking);
  const std::string& folder() const { return folder_.path; }

 private:
  Library& library_;
  Folder folder_;
};

struct PeerRun {
  double cpu = 0;       // processor seconds a second
  double pictures = 0;  // a second
  double kbps = 0;      // of the picture
};

enum class Peer : uint8_t { ffmpeg, gstreamer };
const char* name_of(Peer peer);
/// With all that run_peer() asks of it.
bool is_installed(Peer peer);
PeerRun run_peer(Peer peer, const Case& what, Clips& clips);

}  // namespace partyline::bench
