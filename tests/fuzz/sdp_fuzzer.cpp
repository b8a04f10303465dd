// SDP: whatever parses can be answered and written, and what was written parses again.
#include <cstdlib>
#include <string>
#include <string_view>

#include "rtp/sdp/negotiation.hpp"

using namespace partyline;
using namespace partyline::rtp::sdp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto offer = parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!offer) return 0;
  if (const auto again = parse(to_string(*offer)); again && again->media.size() != offer->media.size()) std::abort();
  const std::vector<MediaCapabilities> capabilities{
      {.kind = core::MediaKind::audio, .codecs = {core::Codec::opus, core::Codec::pcmu, core::Codec::g722}},
      {.kind = core::MediaKind::video, .codecs = {core::Codec::h264, core::Codec::vp8}, .transport_cc = true}};
  (void)accept_answer(write_offer(capabilities, {{}, {}}, {.webrtc = true}), *offer, capabilities);
  const auto plan = plan_answer(*offer, capabilities);
  if (!plan) return 0;
  const std::vector<LocalTransport> transports(plan->media.size(), LocalTransport{.address = "127.0.0.1", .port = 9});
  const std::string written = to_string(write_answer(*offer, *plan, transports, 1, 1));
  if (written.size() > 64 * 1024) return 0;  // an offer of nearly that size, which the parser's bound lets through
  const auto answer = parse(written);
  if (!answer || answer->media.size() != offer->media.size()) std::abort();
  return 0;
}
