// What browsers send to a WHIP or WHEP resource of ours: first line If-Match, second line Authorization, the rest a
// trickle ICE fragment (RFC 8840) or of a=simulcast; the same bytes as the beginning of a picture.
#include <cstdlib>
#include <string_view>

#include "rtp/transport/ice_fragment.hpp"
#include "sfu/keyframe.hpp"
#include "sfu/picture_numbers.hpp"
#include "sfu/picture_size.hpp"
#include "sfu/resource_rules.hpp"
#include "sfu/simulcast.hpp"

using namespace partyline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t first = std::min(text.find('\n'), size);
  const size_t second = std::min(text.find('\n', first + 1), size);
  const std::string_view tag = text.substr(0, first);
  core::http::Request request;
  request.headers = {{"Content-Type", std::string(rtp::kIceFragmentType)},
                     {"If-Match", std::string(tag)},
                     {"Authorization", std::string(text.substr(std::min(first + 1, size), second - first))}};
  request.body = text.substr(std::min(second + 1, size));
  const auto verdict = sfu::judge_patch(request, "\"tag\"", "ufrag");
  const int status = verdict.response.status;
  const bool star = tag.find('*') != std::string_view::npos;
  if (!verdict.restart.empty() && !star) std::abort();
  if (verdict.restart.empty() && status != 204 && status != 400 && status != 412 && status != 422) std::abort();
  if (verdict.restart.empty() && status == 204 && tag.find("\"tag\"") == std::string_view::npos) std::abort();
  if (!sfu::check_token(request, "secret") && text.find("secret") == std::string_view::npos) std::abort();
  if (!sfu::check_names(tag, "a") && (tag.empty() || tag.find('/') != std::string_view::npos)) std::abort();
  for (const auto codec : {core::Codec::h264, core::Codec::vp8}) (void)sfu::starts_keyframe(codec, {data, size});
  for (const auto codec : {core::Codec::h264, core::Codec::vp8}) (void)sfu::picture_size(codec, {data, size});
  std::vector<uint8_t> picture(data, data + size);
  sfu::PictureRenumbering().apply(sfu::picture_numbers(picture), picture, true);
  rtp::sdp::Media media;
  media.extensions = {{10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"}};
  media.attributes = {std::string(tag), "rid:h send", "rid:l send", "simulcast:" + request.body};
  const auto simulcast = sfu::offered_simulcast(media);
  if (simulcast.rids.size() == 1 || simulcast.rids.size() > sfu::Simulcast::kMostLayers) std::abort();
  return 0;
}
