// RTP of a stranger: packets of H.264, VP8, audio and telephone-events, each behind a length byte and its header's own
// bytes, so that the fuzzer can build whole pictures; then the same bytes as one raw packet.
#include <algorithm>
#include <vector>

#include "rtp/session.hpp"

namespace {
struct Nobody : partyline::rtp::SessionEvents {
  void send_rtp(std::span<const uint8_t>) override {}
  void send_rtcp(std::span<const uint8_t>) override {}
  void on_frame(const partyline::core::EncodedFrame& frame) override { bytes += frame.data.size(); }
  void on_digit(char) override {}
  void on_keyframe_request() override {}
  void on_target_bitrate(partyline::core::Bitrate) override {}
  size_t bytes = 0;
};

partyline::rtp::TrackConfig track(partyline::core::MediaKind kind, std::vector<partyline::core::Codec> codecs,
                                  uint8_t payload_type) {
  partyline::rtp::TrackConfig config;
  config.kind = kind;
  config.receiving = true;
  config.transport_cc_extension = 3;
  config.audio_level_extension = 1;
  config.voip_metrics = true;
  config.statistics = {true, true, true};
  for (const auto codec : codecs) {
    partyline::rtp::PayloadFormat format;
    format.payload_type = payload_type++;
    format.codec = codec;
    format.nack = true;
    config.receive_formats.push_back(format);
  }
  return config;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partyline;
  size = std::min<size_t>(size, 4096);
  Nobody nobody;
  core::TimePoint now{std::chrono::hours(1)};
  rtp::SessionConfig config;
  config.tracks = {track(core::MediaKind::audio, {core::Codec::opus}, 0),
                   track(core::MediaKind::video, {core::Codec::h264, core::Codec::vp8}, 96)};
  config.tracks[0].telephone_event = 101;
  rtp::Session session(config, nobody, now);
  session.receive_rtp(core::Buffer::copy_of({data, size}), now);
  for (size_t at = 0; at + 2 < size;) {
    const size_t length = std::min<size_t>(data[at], size - at - 2);
    const uint8_t kind = data[at + 1] & 3;
    std::vector<uint8_t> packet{0x80, kind == 0 ? uint8_t{0} : kind == 3 ? uint8_t{101} : uint8_t(95 + kind)};
    packet[1] |= data[at + 1] & 0x80;  // marker
    packet.insert(packet.end(), {0, uint8_t(at / 8), 0, 0, 0, uint8_t(data[at + 1] >> 4 & 7), 0, 0, 0, uint8_t(kind)});
    packet.insert(packet.end(), data + at + 2, data + at + 2 + length);
    now += std::chrono::milliseconds(7);
    session.receive_rtp(core::Buffer::copy_of(packet), now);
    at += 2 + length;
  }
  session.tick(now + std::chrono::seconds(2));
  return 0;
}
