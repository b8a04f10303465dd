#include "tests/bench/mixer_peers.hpp"

#include <fmt/core.h>

#include <cmath>
#include <iterator>

#include "mixer/codec/audio_codec.hpp"

namespace partyline::bench {
namespace {

constexpr core::Duration kPeerWarmUp = 2500ms;  // ffmpeg looks at each file before it begins
constexpr int kClipSeconds = 20;
using Arguments = std::vector<std::string>;

/// Tiles as our grid has them: as few columns as make room for all, 16:9.
struct Grid {
  int columns, rows, width, height, left, top;
  explicit Grid(int count)
      : columns(static_cast<int>(std::ceil(std::sqrt(count)))),
        rows((count + columns - 1) / columns),
        width((1280 / columns) & ~1),
        height((width * 9 / 16 + 1) & ~1),
        left((1280 - columns * width) / 2 & ~1),
        top((720 - rows * height) / 2 & ~1) {}
  int x(int i) const { return i % columns * width; }
  int y(int i) const { return i / columns * height; }
};

bool succeeds(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

void write_file(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Arguments ffmpeg_command(const std::vector<std::string>& clips, const std::string& out) {
  const int n = static_cast<int>(clips.size());
  const Grid grid(n);
  Arguments arguments{"ffmpeg", "-nostdin", "-v", "error", "-y"};
  std::string filters, pictures, places, sounds;
  for (int i = 0; i < n; ++i) {
    for (const char* word : {"-re", "-threads", "1", "-i"}) arguments.emplace_back(word);
    arguments.push_back(clips[static_cast<size_t>(i)]);
    filters += fmt::format("[{0}:v]fps=30,scale={1}:{2}:flags=bilinear[v{0}];", i, grid.width, grid.height);
    pictures += fmt::format("[v{}]", i);
    places += fmt::format("{}{}_{}", i ? "|" : "", grid.x(i), grid.y(i));
    sounds += fmt::format("[{}:a]", i);
  }
  filters += fmt::format("{}xstack=inputs={}:layout={}:fill=black,pad=1280:720:{}:{}[o];", pictures, n, places,
                         grid.left, grid.top);
  filters += fmt::format("{}amix=inputs={}:normalize=0[a]", sounds, n);
  const Arguments rest{"-filter_complex_threads",
                       "1",
                       "-filter_complex",
                       filters,
                       "-map",
                       "[o]",
                       "-c:v",
                       "libx264",
                       "-profile:v",
                       "baseline",
                       "-preset",
                       "superfast",
                       "-tune",
                       "zerolatency",
                       "-b:v",
                       "2000k",
                       "-maxrate",
                       "2000k",
                       "-bufsize",
                       "1200k",
                       "-g",
                       "60",
                       "-sc_threshold",
                       "0",
                       "-threads",
                       "1",
                       "-flush_packets",
                       "1",
                       "-f",
                       "h264",
                       out,
                       "-map",
                       "[a]",
                       "-c:a",
                       "libopus",
                       "-b:a",
                       "64k",
                       "-compression_level",
                       "5",
                       "-f",
                       "null",
                       "-"};
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return arguments;
}

Arguments gstreamer_command(const std::vector<std::string>& clips, const std::string& out) {
  const Grid grid(static_cast<int>(clips.size()));
  std::string pads, sources;
  for (size_t i = 0; i < clips.size(); ++i) {
    const int at = static_cast<int>(i);
    pads += fmt::format(" sink_{0}::xpos={1} sink_{0}::ypos={2} sink_{0}::width={3} sink_{0}::height={4}", i,
                        grid.left + grid.x(at), grid.top + grid.y(at), grid.width, grid.height);
    sources += fmt::format(
        " filesrc location={1} ! matroskademux name=d{0} d{0}.video_0 ! queue ! h264parse ! avdec_h264 max-threads=1 !"
        " queue max-size-buffers=4 ! m.sink_{0} d{0}.audio_0 ! queue ! opusparse ! opusdec ! audioconvert ! a.",
        i, clips[i]);
  }
  const std::string line =
      "gst-launch-1.0 -q compositor name=m background=black" + pads +
      " ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! x264enc speed-preset=superfast"
      " tune=zerolatency bitrate=2000 vbv-buf-capacity=600 key-int-max=60 threads=1 sliced-threads=false"
      " option-string=scenecut=0 ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream"
      " ! filesink buffer-mode=unbuffered sync=true location=" +
      out +
      " audiomixer name=a ! audio/x-raw,rate=48000,channels=1 ! audioconvert ! opusenc bitrate=64000 complexity=5"
      " ! fakesink sync=true" +
      sources;
  Arguments arguments;
  for (size_t at = 0; at < line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    if (end > at) arguments.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return arguments;
}

/// Coded pictures of an Annex B stream with one slice each.
int pictures_in(const std::vector<char>& stream, size_t from) {
  int count = 0;
  for (size_t i = from; i + 3 < stream.size(); ++i) {
    if (stream[i] != 0 || stream[i + 1] != 0 || stream[i + 2] != 1) continue;
    const int type = stream[i + 3] & 0x1f;
    count += type == 1 || type == 5 ? 1 : 0;
  }
  return count;
}

}  // namespace

std::optional<std::string> Clips::get(int member, bool talking) {
  const std::string name = fmt::format("{}/{}{}", folder_.path, member, talking ? "" : "-silent"), clip = name + ".mkv";
  if (std::filesystem::exists(clip)) return clip;
  std::vector<uint8_t> picture, sound;
  const auto append = [](std::vector<uint8_t>& to, const Reel& reel, int round) {
    for (int i = 0; i < round; ++i) {
      for (const auto& frame : reel) to.insert(to.end(), frame.data.begin(), frame.data.end());
    }
  };
  append(picture, library_.camera(member), kClipSeconds * kCameraRate / kCameraFrames);
  append(sound, library_.voice(core::Codec::pcmu, member, talking), kClipSeconds / 2);
  write_file(name + ".h264", picture);
  write_file(name + ".ul", sound);
  const bool made = succeeds(
      fmt::format("ffmpeg -nostdin -v error -y -framerate {0} -f h264 -i {1}.h264 -f mulaw -ar 8000 -ac 1 -i {1}.ul "
                  "-c:v copy -c:a libopus -ar 48000 -b:a 32k {2}",
                  kCameraRate, name, clip));
  return made ? std::optional(clip) : std::nullopt;
}

const char* name_of(Peer peer) {
  return peer == Peer::ffmpeg ? "ffmpeg" : "gstreamer";
}

bool is_installed(Peer peer) {
  if (!succeeds("command -v ffmpeg")) return false;  // it makes the clips, too
  if (peer == Peer::ffmpeg) return true;
  for (const char* element : {"compositor", "audiomixer", "matroskademux", "h264parse", "avdec_h264", "x264enc",
                              "opusparse", "opusdec", "opusenc"}) {
    if (!succeeds(fmt::format("gst-inspect-1.0 --exists {}", element))) return false;
  }
  return true;
}

PeerRun run_peer(Peer peer, const Case& what, Clips& clips) {
  std::vector<std::string> files;
  for (int i = 0; i < what.members; ++i) {
    const auto clip = clips.get(i, i < what.talking);
    if (!clip) return {};
    files.push_back(*clip);
  }
  const std::string out = clips.folder() + "/out.h264", log = clips.folder() + "/peer.log";
  std::filesystem::remove(out);
  const auto written = [&] {
    std::ifstream file(out, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(file), {});
  };
  const auto child =
      start_program(peer == Peer::ffmpeg ? ffmpeg_command(files, out) : gstreamer_command(files, out), log);
  std::this_thread::sleep_for(kPeerWarmUp);
  const auto began = core::Clock::now();
  const size_t size = written().size();
  const double before = child->cpu();
  std::this_thread::sleep_for(what.length);
  const double cpu = child->cpu() - before, seconds = std::chrono::duration<double>(core::Clock::now() - began).count();
  const auto stream = written();
  PeerRun run;
  run.cpu = cpu / seconds;
  run.pictures = pictures_in(stream, size) / seconds;
  run.kbps = static_cast<double>(stream.size() - size) * 8 / 1000 / seconds;
  return run;
}

}  // namespace partyline::bench
