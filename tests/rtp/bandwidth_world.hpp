// Several senders, each a whole Session with a model of an encoder that follows its target, through one bottleneck in
// virtual time. Every packet is timed on the bottleneck, so that queueing delay and throughput are the link's own.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {

/// A video encoder: 30 pictures a second of its target, ±20 %, six times as much for a keyframe; follows a new target
/// within three pictures.
class ModelEncoder {
 public:
  ModelEncoder(core::Bitrate most, uint32_t seed) : most_(most), random_(seed) {}
  core::Bitrate target() const { return std::min(target_.value_or(most_), most_); }
  void set_target(core::Bitrate target) { target_ = target; }
  size_t next_bytes(bool keyframe) {
    smooth_ += (static_cast<double>(target().bits_per_second) - smooth_) * (smooth_ == 0 ? 1.0 : 0.5);
    const double noise = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
    const double mean = smooth_ / 8 / 30 * share;
    if (keyframe) debt_ = 5 * mean;
    // The keyframe's bits are saved on the pictures behind it, as rate control does.
    const double saved = keyframe ? 0 : std::min(debt_, 0.3 * mean);
    debt_ -= saved;
    return static_cast<size_t>(std::max(100.0, mean * noise * (keyframe ? 6 : 1) - saved));
  }
  double share = 1;  ///< of the target that the picture needs: below 1 it is application limited

 private:
  core::Bitrate most_;
  std::optional<core::Bitrate> target_;
  double smooth_ = 0, debt_ = 0;
  std::mt19937 random_;
};

struct Flow {
  Flow(core::Bitrate most, uint32_t seed) : encoder(most, seed) {}
  Side sender, receiver;
  ModelEncoder encoder;
  core::TimePoint due_sender{}, due_receiver{}, started{};
  int64_t pictures = 0;
  int answered = 0;
  core::Duration report_every{};  ///< the receiver's reports; zero: as our sessions do
  core::TimePoint next_report{};
  uint64_t bytes = 0;  ///< arrived
};

class BandwidthWorld {
 public:
  static constexpr size_t kHeader = 28;  ///< IP and UDP; here it carries the flow and the moment of sending
  explicit BandwidthWorld(partyline::test::FakeLink::Settings settings, uint32_t seed = 1)
      : bottleneck(settings, seed), back(back_settings(settings), seed + 100), seed_(seed) {}

  Flow& add_flow(core::Bitrate most, const std::function<void(TrackConfig&)>& change = {}) {
    auto flow = std::make_unique<Flow>(most, seed_ + 7 * static_cast<uint32_t>(flows.size()));
    auto track = video_track(true, core::Codec::vp8);
    track.transport_cc_extension = 3;
    if (change) change(track);
    flow->sender.now = flow->receiver.now = &now;
    flow->started = now;
    flow->sender.make({track});
    track.sending = false;
    flow->receiver.make({track});
    flow->sender.session->set_bitrate_wish(most);
    flows.push_back(std::move(flow));
    return *flows.back();
  }

  void run(core::Duration duration) {
    for (const TimePoint end = now + duration; now < end;) {
      now += 1ms;
      for (size_t i = 0; i < flows.size(); ++i) step(*flows[i], i);
      bottleneck.deliver(now, [&](auto packet, TimePoint at) { arrive(packet, at); });
      back.deliver(now, [&](auto packet, TimePoint) { flows[packet[0]]->sender.receive(packet.subspan(kHeader)); });
    }
  }
  /// Bits a second that flow i got since the last call.
  double take_rate(size_t i) {
    const double seconds = std::chrono::duration<double>(now - taken_at_[i]).count();
    const double rate = static_cast<double>(flows[i]->bytes - taken_[i]) * 8 / seconds;
    taken_[i] = flows[i]->bytes;
    taken_at_[i] = now;
    return rate;
  }
  double take_most_queue_ms() { return std::exchange(most_queue_ms_, 0.0); }
  /// Mean of what packets waited since the last call.
  double take_mean_queue_ms() {
    const double mean = queue_packets_ > 0 ? queue_sum_ms_ / static_cast<double>(queue_packets_) : 0;
    queue_sum_ms_ = 0;
    queue_packets_ = 0;
    return mean;
  }
  double loss() const { return static_cast<double>(bottleneck.lost) / static_cast<double>(bottleneck.sent); }

  TimePoint now{1000h};
  partyline::test::FakeLink bottleneck, back;
  std::vector<std::unique_ptr<Flow>> flows;

 private:
  static partyline::test::FakeLink::Settings back_settings(partyline::test::FakeLink::Settings there) {
    there.rate = {};
    there.loss = 0;
    return there;
  }
  std::vector<uint8_t> wrap(std::span<const uint8_t> packet, size_t flow) const {
    std::vector<uint8_t> out(kHeader + packet.size());
    out[0] = static_cast<uint8_t>(flow);
    const int64_t at = now.time_since_epoch().count();
    std::memcpy(out.data() + 8, &at, 8);
    std::copy(packet.begin(), packet.end(), out.begin() + kHeader);
    return out;
  }
  void step(Flow& flow, size_t index) {
    const auto elapsed = (now - flow.started) / 1ms;
    if (elapsed * 30 / 1000 >= flow.pictures) {
      const bool key = flow.pictures == 0 || flow.sender.keyframe_requests != flow.answered;
      flow.answered = flow.sender.keyframe_requests;
      if (!flow.sender.targets.empty()) flow.encoder.set_target(flow.sender.targets.back());
      std::vector<uint8_t> bytes(flow.encoder.next_bytes(key), 0x55);
      bytes[0] = key ? 0 : 1;
      flow.sender.session->send(frame_of(core::Codec::vp8, bytes, elapsed * 90, now, key), now);
      ++flow.pictures;
      flow.due_sender = now;
    }
    if (now >= flow.due_sender) flow.due_sender = flow.sender.session->tick(now);
    if (now >= flow.due_receiver) flow.due_receiver = flow.receiver.session->tick(now);
    forward(flow.sender, bottleneck, index);
    if (flow.report_every > 0s) leave_out_reports(flow);
    forward(flow.receiver, back, index);
  }
  /// Those of a phone that reports rarely: compounds that hold no more than a report (RFC 3550 §6.4) are left out.
  void leave_out_reports(Flow& flow) const {
    std::erase_if(flow.receiver.rtcp_sent, [&](const auto& packet) {
      const bool report = packet.size() > 8 && (packet[1] == 200 || packet[1] == 201) && (packet[0] & 0x1F) > 0;
      if (!report || now < flow.next_report) return report;
      flow.next_report = now + flow.report_every;
      return false;
    });
  }
  void forward(Side& side, partyline::test::FakeLink& link, size_t index) {
    for (const auto* list : {&side.rtp_sent, &side.rtcp_sent}) {
      for (const auto& packet : *list) link.send(wrap(packet, index), now);
    }
    side.rtp_sent.clear();
    side.rtcp_sent.clear();
    side.rtcp_at.clear();
    side.video.clear();
    side.frame_at.clear();
  }
  void arrive(std::span<const uint8_t> packet, TimePoint at) {
    Flow& flow = *flows[packet[0]];
    int64_t sent = 0;
    std::memcpy(&sent, packet.data() + 8, 8);
    const core::Duration waited = at.time_since_epoch() - core::Duration(sent) - bottleneck.settings.delay;
    const double ms = std::chrono::duration<double, std::milli>(waited).count();
    most_queue_ms_ = std::max(most_queue_ms_, ms);
    queue_sum_ms_ += ms;
    ++queue_packets_;
    flow.bytes += packet.size();
    flow.receiver.receive(packet.subspan(kHeader));
    flow.due_receiver = std::min(flow.due_receiver, now);
  }

  uint32_t seed_;
  uint64_t taken_[8] = {};
  TimePoint taken_at_[8] = {now, now, now, now, now, now, now, now};
  double most_queue_ms_ = 0, queue_sum_ms_ = 0;
  uint64_t queue_packets_ = 0;
};

}  // namespace partyline::rtp::test
