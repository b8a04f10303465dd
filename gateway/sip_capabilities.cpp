#include "gateway/sip_capabilities.hpp"

namespace partyline::gateway {

std::vector<rtp::sdp::MediaCapabilities> sip_capabilities(bool stereo) {
  using core::Codec;
  rtp::sdp::MediaCapabilities audio;
  audio.dtls = false;  // a SIP leg's transport is plain RTP
  audio.kind = core::MediaKind::audio;
  audio.codecs = {Codec::opus, Codec::g722, Codec::pcmu, Codec::pcma};
  audio.red = audio.comfort_noise = true;
  audio.stereo = stereo;
  rtp::sdp::MediaCapabilities video;
  video.dtls = false;
  video.kind = core::MediaKind::video;
  video.codecs = {Codec::h264, Codec::vp8};
  video.rtx = video.transport_cc = video.remb = video.tmmbr = true;
  video.h264 = {0x42, 0xE0, 31, 1, true};
  return {audio, video};
}

std::string sip_capabilities_sdp(const std::string& address) {
  rtp::sdp::LocalTransport transport;
  transport.address = address;
  transport.port = 0;  // RFC 3264 §9: a description of capabilities, not of a session
  transport.rtcp_mux = true;
  return rtp::sdp::to_string(rtp::sdp::write_offer(sip_capabilities(), {transport, transport}, {}));
}

}  // namespace partyline::gateway
