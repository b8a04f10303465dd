// A model of an encoder and of a decoder for simulations of lossy links: pictures with real H.264 headers whose bytes
// name the picture and what it refers to, and the judge who knows which of them a decoder could have shown whole.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "mixer/video/keyframes.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {

/// One picture as the encoder made it.
struct SentPicture {
  std::vector<uint8_t> bytes;
  std::optional<size_t> refers_to;  ///< nothing: a keyframe
  TimePoint at;
};

/// 30 pictures a second at about `kbps`, H.264 (SPS, PPS and slice headers with frame_num) or VP8; keyframes when asked
/// for, at most one per half second as the mixer's encoders have it, and every `key_period`. With `layers` every other
/// H.264 picture is one that no other refers to (nal_ref_idc 0).
class VideoSender {
 public:
  VideoSender(World& world, Side& side, core::Codec codec, bool layers = false)
      : world_(world), side_(side), codec_(codec), layers_(layers), began_(world.now), gate_(key_period) {}

  void operator()() {
    if (side_.keyframe_requests != requests_seen_) gate_.request();
    requests_seen_ = side_.keyframe_requests;
    if (world_.now < next_) return;
    next_ = began_ + (static_cast<int64_t>(sent.size()) + 1) * 33333us;
    const bool key = gate_.take(world_.now);
    const bool reference = key || !layers_ || (sent.size() - last_key_) % 2 == 0;
    std::optional<size_t> refers_to = key ? std::nullopt : std::optional(last_reference_);
    sent.push_back({encode(key, reference), refers_to, world_.now});
    if (key) last_key_ = sent.size() - 1;
    if (key) ++keyframes;
    if (reference) last_reference_ = sent.size() - 1;
    const auto ticks = std::chrono::duration_cast<std::chrono::microseconds>(world_.now - began_).count() * 9 / 100;
    side_.session->send(frame_of(codec_, sent.back().bytes, ticks, world_.now, key), world_.now);
  }

  size_t kbps = 1000;
  core::Duration key_period = 60s;
  std::vector<SentPicture> sent;
  int keyframes = 0;

 private:
  std::vector<uint8_t> encode(bool key, bool reference) {
    const double mean = static_cast<double>(kbps) * 1000 / 8 / 30;
    const double swing = 0.6 + 0.8 * std::uniform_real_distribution<double>(0, 1)(random_);
    const auto size = static_cast<size_t>(key ? mean * 7 : mean * swing * (reference ? 1 : 0.5));
    std::vector<uint8_t> out;
    if (codec_ == core::Codec::vp8) {
      out = {static_cast<uint8_t>(key ? 0x10 : 0x11), 0x02, 0x00};
    } else {
      if (key)
        out = {0, 0, 0, 1, 0x67, 0x42, 0xE0, 0x1F, 0xEC, 0xA0, 0x28, 0x02, 0xDC, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80};
      if (key) frame_num_ = 0;
      // first_mb_in_slice 0, slice_type 7 or 5, pic_parameter_set_id 0, frame_num in 4 bits (log2_max_frame_num_minus4
      // 0)
      uint32_t bits = key ? 0b1'0001000'1 : 0b1'00110'1;
      int count = key ? 9 : 7;
      bits = bits << 4 | frame_num_;
      count += 4;
      bits <<= 16 - count;
      const uint8_t header = key ? 0x65 : reference ? 0x41 : 0x01;
      for (const int byte : {0, 0, 0, 1, int{header}, static_cast<int>(bits >> 8), static_cast<int>(bits & 0xFF) | 1}) {
        out.push_back(static_cast<uint8_t>(byte));
      }
      if (reference) frame_num_ = (frame_num_ + 1) & 15;
    }
    for (int shift = 21; shift >= 0; shift -= 7)
      out.push_back(static_cast<uint8_t>(0x80 | (sent.size() >> shift & 0x7F)));
    while (out.size() < size) out.push_back(static_cast<uint8_t>(0x80 | random_()));
    return out;
  }

  World& world_;
  Side& side_;
  core::Codec codec_;
  bool layers_;
  TimePoint began_, next_{};
  mixer::KeyframeGate gate_;
  std::mt19937 random_{7};
  int requests_seen_ = 0;
  size_t last_key_ = 0, last_reference_ = 0;
  uint32_t frame_num_ = 0;
};

/// What a viewer saw of it.
struct Viewing {
  size_t broken =
      0;  ///< pictures handed on as decodable that were not what the encoder made, or lacked their reference
  size_t shown = 0;
  double frozen = 0;  ///< share of the time beyond 200 ms without a new picture
  core::Duration longest{};
  std::vector<TimePoint> shown_at;
};

/// Judges what arrived at `side` between `from` and `to`.
inline Viewing judge(const VideoSender& sender, const Side& side, TimePoint from, TimePoint to) {
  Viewing result;
  std::set<size_t> decoded;
  size_t search = 0;
  core::Duration frozen{};
  TimePoint last = from;
  const auto pass = [&](TimePoint at) {
    if (at <= from) return;
    frozen += std::max<core::Duration>(at - last - 200ms, 0ms);
    result.longest = std::max<core::Duration>(result.longest, at - last);
    last = at;
  };
  for (size_t i = 0; i < side.video.size(); ++i) {
    const auto& frame = side.video[i];
    if (frame.after_loss && !frame.keyframe) continue;  // handed on as what it is: not decodable
    size_t at = search;
    while (at < sender.sent.size() && !std::ranges::equal(sender.sent[at].bytes, frame.data)) ++at;
    const bool whole = at < sender.sent.size();
    const auto refers_to = whole ? sender.sent[at].refers_to : std::nullopt;
    if (!whole || (refers_to && !decoded.contains(*refers_to)) || frame.keyframe != !refers_to) {
      ++result.broken;
      continue;
    }
    search = at + 1;
    decoded.insert(at);
    ++result.shown;
    result.shown_at.push_back(side.video_at[i]);
    pass(std::min(side.video_at[i], to));
  }
  pass(to);
  result.frozen = std::chrono::duration<double>(frozen) / std::chrono::duration<double>(to - from);
  return result;
}

/// Both directions of a path with this loss and round trip, a viewer at b.
struct LossyCall {
  LossyCall(double loss, core::Duration round_trip, uint32_t seed, core::Codec codec = core::Codec::h264,
            bool layers = false, TrackConfig sends = video_track(), TrackConfig receives = video_track())
      : world({.delay = round_trip / 2, .jitter = 2ms, .loss = loss}, seed) {
    for (TrackConfig* track : {&sends, &receives}) {
      for (auto& format : track->receive_formats) format.codec = codec;
      track->send_format->codec = codec;
    }
    sends.receiving = receives.sending = false;
    world.a.make({sends});
    world.b.make({receives});
    sender.emplace(world, world.a, codec, layers);
  }
  Viewing run(core::Duration duration) {
    const TimePoint from = world.now + 3s;
    world.run(duration + 3s, [&] { (*sender)(); });
    return judge(*sender, world.b, from, world.now);
  }
  World world;
  std::optional<VideoSender> sender;
};

}  // namespace partyline::rtp::test
