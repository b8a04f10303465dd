// RTCP of a stranger, through the session that takes it.
#include <vector>

#include "rtp/session.hpp"

namespace {
struct Nobody : partyline::rtp::SessionEvents {
  void send_rtp(std::span<const uint8_t>) override {}
  void send_rtcp(std::span<const uint8_t>) override {}
  void on_frame(const partyline::core::EncodedFrame&) override {}
  void on_digit(char) override {}
  void on_keyframe_request() override {}
  void on_target_bitrate(partyline::core::Bitrate) override {}
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partyline;
  Nobody nobody;
  const core::TimePoint now{std::chrono::hours(1)};
  rtp::SessionConfig config;
  for (const auto kind : {core::MediaKind::audio, core::MediaKind::video}) {
    rtp::TrackConfig track;
    track.kind = kind;
    track.sending = track.receiving = true;
    track.local_ssrc = kind == core::MediaKind::audio ? 1 : 2;
    config.tracks.push_back(track);
  }
  rtp::Session session(config, nobody, now);
  session.receive_rtcp({data, size}, now);
  session.tick(now + std::chrono::seconds(1));
  return 0;
}
