// RTCP of a stranger, through the session that takes it: before anything was sent, and again when there are packets
// that reports, NACKs and transport feedback may be about.
#include <vector>

#include "rtp/session.hpp"

namespace {
using namespace partyline;

struct Nobody : rtp::SessionEvents {
  void send_rtp(std::span<const uint8_t>) override {}
  void send_rtcp(std::span<const uint8_t>) override {}
  void on_frame(const core::EncodedFrame&) override {}
  void on_digit(char) override {}
  void on_keyframe_request() override {}
  void on_target_bitrate(core::Bitrate) override {}
};

rtp::TrackConfig track(core::Codec codec, uint8_t payload_type) {
  rtp::TrackConfig config;
  config.kind = codec == core::Codec::opus ? core::MediaKind::audio : core::MediaKind::video;
  config.sending = config.receiving = config.feedback_profile = true;
  config.local_ssrc = payload_type;
  config.transport_cc_extension = 3;
  config.receiver_reference = config.voip_metrics = true;
  config.statistics = {true, true, true};
  rtp::PayloadFormat format;
  format.payload_type = payload_type;
  format.codec = codec;
  format.h264.packetization_mode = 1;
  format.nack = format.pli = format.fir = format.remb = format.transport_cc = true;
  config.receive_formats = {format};
  config.send_format = format;
  return config;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Nobody nobody;
  core::TimePoint now{std::chrono::hours(1)};
  rtp::SessionConfig config;
  config.tracks = {track(core::Codec::opus, 1), track(core::Codec::h264, 2)};
  rtp::Session session(config, nobody, now);
  session.set_bitrate_wish({2'000'000});
  session.receive_rtcp({data, size}, now);
  std::vector<uint8_t> picture(3000, 0x55);
  picture[0] = picture[1] = picture[2] = 0;
  picture[3] = 1;
  picture[4] = 0x65;
  core::EncodedFrame frame;
  frame.codec = core::Codec::h264;
  frame.buffer = core::Buffer::copy_of(picture);
  frame.data = frame.buffer.span();
  for (int i = 0; i < 3; ++i) {
    frame.capture = now;
    frame.rtp_time += 3000;
    (void)session.send(frame, now);
    now += std::chrono::milliseconds(20);
    session.tick(now);
    session.receive_rtcp({data, size}, now);
  }
  session.tick(now + std::chrono::seconds(1));
  (void)session.stats();
  return 0;
}
