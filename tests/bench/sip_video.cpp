#include "tests/bench/sip_video.hpp"

#include <deque>
#include <optional>

#include "mixer/codec/video_decoder.hpp"

namespace partyline::bench {
namespace {

constexpr core::Duration kStart = 5s;  // until everybody has sent a second keyframe

/// Audio and video of all callers of a gateway.
struct Crowd {
  Generator audio{core::Codec::opus};
  VideoGenerator video;
  std::vector<Load> loads;

  /// `eager`: takes packets as they come, not once a slice.
  void play(core::Duration length, bool eager, const VideoGenerator::OnSent& sent = nullptr,
            const VideoGenerator::OnPacket& received = nullptr, const std::function<void()>& rest = nullptr) {
    core::TimePoint turn = core::Clock::now();
    for (const core::TimePoint end = turn + length; turn < end; turn += Generator::kSlice) {
      while (eager && core::Clock::now() < turn) {
        pollfd wanted{video.fd(), POLLIN, 0};
        const timespec patience{0, std::max<long>(0, (turn - core::Clock::now()) / 1ns)};
        if (::ppoll(&wanted, 1, &patience, nullptr) > 0) video.receive_all(received);
        if (rest) rest();
      }
      std::this_thread::sleep_until(turn);
      audio.step(loads, turn, nullptr, nullptr);
      video.send_due(sent);
      video.receive_all(received);
    }
  }
};

void call(const Stand& stand, Crowd& crowd, std::vector<CallPlan> plans, Voices& voices, int talking,
          const std::function<const Reel*(size_t)>& camera) {
  for (CallPlan& plan : plans) plan = {plan.room, core::Codec::opus, crowd.video.port()};
  Caller caller(stand.ports.sip, crowd.audio.port());
  const auto ports = caller.call(plans);
  std::vector<VideoLoad> cameras;
  for (size_t i = 0; i < plans.size(); ++i) {
    const int who = static_cast<int>(i), all = static_cast<int>(plans.size());
    crowd.loads.push_back({ports[i], &voices.get(core::Codec::opus, who, who < talking), 20ms * who / all});
    cameras.push_back({caller.video_ports()[i], camera(i), core::Duration(40ms) * who / all});
  }
  crowd.video.set_loads(std::move(cameras));
  stand.gateway->lend_priority();
}

/// What the gateway spends on callers who are in their calls, and what they get.
void measure(const std::string& name, Stand& stand, Crowd& crowd, core::Duration length, Results& results) {
  crowd.play(kStart, false);
  crowd.video.take();
  const double before = stand.gateway->cpu();
  const core::TimePoint began = core::Clock::now();
  crowd.play(length, false);
  const double seconds = std::chrono::duration<double>(core::Clock::now() - began).count();
  results.add(name, "gateway", (stand.gateway->cpu() - before) / seconds, "cpu s/s");
  Seen seen;
  const std::vector<Seen> all = crowd.video.take();
  for (const Seen& one : all) {
    seen.packets += one.packets;
    seen.lost += one.lost;
    seen.pictures += one.pictures;
  }
  const double callers = static_cast<double>(all.size());
  results.add(name, "pictures", static_cast<double>(seen.pictures) / seconds / callers, "1/caller/s");
  results.add(name, "packets", static_cast<double>(seen.packets) / seconds / callers, "1/caller/s");
  results.add(name, "lost", static_cast<double>(seen.lost), "packets");
}

/// Returns the megabytes that the room took.
double bench_room(int callers, core::Duration length, std::vector<Reel>& cameras, Voices& voices, Results& results) {
  const std::string name = fmt::format("video_{}_2_talk", callers);
  Stand stand(kNoPassThrough);
  std::this_thread::sleep_for(1500ms);
  const double empty = stand.gateway->resident();
  while (cameras.size() < static_cast<size_t>(callers)) {
    cameras.push_back(make_camera_reel(static_cast<unsigned>(cameras.size())));
  }
  Crowd crowd;
  call(stand, crowd, std::vector<CallPlan>(static_cast<size_t>(callers), {"bench"}), voices, 2,
       [&](size_t i) { return &cameras[i]; });
  measure(name, stand, crowd, length, results);
  const double memory = stand.gateway->resident() - empty;
  results.add(name, "memory", memory, "MB");
  results.add(name, "memory/(40+8n)", memory / (40 + 8 * callers), "");
  return memory;
}

/// Rooms of several sizes tell what a leg takes from what the room does: the line of least squares through them.
void split_memory(const std::vector<std::pair<int, double>>& rooms, Results& results) {
  if (rooms.size() < 2) return;
  double callers = 0, memory = 0, squares = 0, products = 0;
  for (const auto& [n, mb] : rooms) {
    callers += n;
    memory += mb;
    squares += static_cast<double>(n) * n;
    products += n * mb;
  }
  const auto count = static_cast<double>(rooms.size());
  const double slope = (count * products - callers * memory) / (count * squares - callers * callers);
  results.print();
  results.add("video_memory", "room", (memory - slope * callers) / count, "MB");
  results.add("video_memory", "leg", slope, "MB");
}

constexpr int kFlashFrames = 13, kFlash = 5;  // no common divisor with the room's ticks

/// Dark pictures, and bright ones from kFlash on for three.
Reel make_flash_reel(bool flashes) {
  const Scene scene(77);
  auto encoder =
      must(mixer::make_video_encoder({core::Codec::h264, kCameraSize, kCameraRate, core::Bitrate::kbps(600)}));
  mixer::I420Image image(kCameraSize);
  Reel reel;
  for (int i = 0; i < kFlashFrames; ++i) {
    scene.draw(image, 0);
    const bool bright = flashes && i >= kFlash && i < kFlash + 3;
    for (int at = 0; at < image.stride_y() * kCameraSize.height; ++at) {
      image.y()[at] = static_cast<uint8_t>(image.y()[at] / 4 + (bright ? 170 : 20));
    }
    mixer::EncodedPicture encoded;
    encoder->encode(image.view(), i * 3600, i == 0, encoded);
    core::EncodedFrame frame;
    frame.codec = core::Codec::h264;
    frame.buffer = std::move(encoded.buffer);
    frame.data = std::as_const(frame.buffer).span();
    reel.push_back(std::move(frame));
  }
  return reel;
}

/// Which of two tiles side by side is bright.
bool shows_flash(const mixer::I420View& picture) {
  for (const int left : {picture.size.width / 8, picture.size.width * 5 / 8}) {
    long sum = 0;
    int count = 0;
    for (int y = picture.size.height * 2 / 5; y < picture.size.height * 3 / 5; y += 4) {
      for (int x = left; x < left + picture.size.width / 4; x += 4, ++count) sum += picture.y[y * picture.stride_y + x];
    }
    if (sum > 130L * count) return true;
  }
  return false;
}

/// One who watches: puts the pictures together as they come and decodes them when there is time.
class Watcher {
 public:
  void flash_sent(core::TimePoint now) { sent_ = now; }
  void packet(std::span<const uint8_t> payload, bool marker, core::TimePoint now) {
    const auto copy = core::Buffer::copy_of(payload);
    parts_.add(copy, std::as_const(copy).span());
    if (!marker) return;
    if (auto picture = parts_.finish()) waiting_.push_back({std::move(*picture), now});
  }
  void look(std::vector<double>& delays) {
    for (; !waiting_.empty(); waiting_.pop_front()) {
      core::EncodedFrame frame;
      frame.codec = core::Codec::h264;
      frame.data = std::as_const(waiting_.front().picture.buffer).span();
      frame.keyframe = waiting_.front().picture.keyframe;
      mixer::Picture picture;
      if (decoder_->decode(frame, picture) != mixer::DecodeStatus::picture) continue;
      const bool bright = shows_flash(picture.view);
      if (bright && !std::exchange(bright_, bright) && sent_) {
        delays.push_back(std::chrono::duration<double, std::milli>(waiting_.front().came - *sent_).count());
        sent_.reset();
      }
      bright_ = bright;
    }
  }

 private:
  struct Whole {
    rtp::h264::Depacketizer::Picture picture;
    core::TimePoint came;
  };
  std::unique_ptr<mixer::VideoDecoder> decoder_ = must(mixer::make_video_decoder(core::Codec::h264));
  rtp::h264::Depacketizer parts_;
  std::deque<Whole> waiting_;
  std::optional<core::TimePoint> sent_;
  bool bright_ = false;
};

}  // namespace

void bench_video_rooms(bool quick, const std::string& only, Voices& voices, Results& results) {
  std::vector<Reel> cameras;
  cameras.reserve(16);
  std::vector<std::pair<int, double>> memory;
  for (const int n : quick ? std::vector{2, 8} : std::vector{2, 4, 8, 12, 16}) {
    if (fmt::format("video_{}_2_talk", n).find(only) == std::string::npos) continue;
    memory.emplace_back(n, bench_room(n, quick ? 4s : 8s, cameras, voices, results));
  }
  split_memory(memory, results);
}

void bench_passed_video(core::Duration length, Voices& voices, Results& results) {
  Stand stand;
  constexpr core::VideoSize kSize{1280, 720};
  const Reel one = make_camera_reel(1, kSize, core::Bitrate::kbps(1500)),
             other = make_camera_reel(2, kSize, core::Bitrate::kbps(1500));
  Crowd crowd;
  call(stand, crowd, std::vector<CallPlan>(2, {"pair"}), voices, 1, [&](size_t i) { return i == 0 ? &one : &other; });
  measure("video_2_passed", stand, crowd, length, results);
}

void bench_video_latency(core::Duration length, Voices& voices, Results& results) {
  Stand stand(kNoPassThrough);
  const Reel flashes = make_flash_reel(true), dark = make_flash_reel(false);
  Crowd crowd;
  call(stand, crowd, std::vector<CallPlan>(2, {"pair"}), voices, 0,
       [&](size_t i) { return i == 0 ? &flashes : &dark; });
  Watcher watcher;
  std::vector<double> warm_up, delays;
  const auto watch = [&](core::Duration time, std::vector<double>& into) {
    crowd.play(
        time, true,
        [&](size_t who, size_t frame, core::TimePoint now) {
          if (who == 0 && frame == kFlash) watcher.flash_sent(now);
        },
        [&](size_t who, std::span<const uint8_t> payload, bool marker, core::TimePoint now) {
          if (who == 1) watcher.packet(payload, marker, now);
        },
        [&] { watcher.look(into); });
  };
  watch(kStart, warm_up);
  watch(length, delays);
  results.add("latency_video", "p50", percentile(delays, 0.5), "ms");
  results.add("latency_video", "p95", percentile(delays, 0.95), "ms");
  results.add("latency_video", "flashes", static_cast<double>(delays.size()), "");
}

}  // namespace partyline::bench
