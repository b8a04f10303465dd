// What was negotiated with publishers and players, as the forwarding needs it. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "sfu/simulcast.hpp"

namespace partyline::sfu {

struct IncomingFormat {
  core::Codec codec = core::Codec::opus;
  uint8_t payload_type = 0;
  int h264_packetization_mode = 0;
  std::vector<uint32_t> ssrcs;  ///< announced; empty: whatever comes with this payload type
  uint8_t transport_cc_extension = 0, audio_level_extension = 0;
  bool nack = false, pli = false, fir = false;
  std::optional<uint8_t> rtx_payload_type = std::nullopt;  ///< RFC 4588: repeats packets of `payload_type`
  bool remb = false;
  Simulcast simulcast{};                                   ///< video
  std::optional<uint8_t> red_payload_type = std::nullopt;  ///< RFC 2198: wraps packets of `payload_type`
  bool tmmbr = false;                                      ///< RFC 5104

  bool carries(uint8_t type) const {
    return payload_type == type || rtx_payload_type == type || red_payload_type == type;
  }
};

struct PublisherFormats {
  std::optional<IncomingFormat> audio, video;
};

struct OutgoingFormat {
  core::Codec codec = core::Codec::opus;
  uint8_t payload_type = 0;
  int h264_packetization_mode = 0;
  std::optional<uint8_t> rtx_payload_type = std::nullopt;
  std::optional<uint8_t> red_payload_type = std::nullopt;
};

/// Several formats a kind where the player came before its publisher.
struct PlayerFormats {
  std::vector<OutgoingFormat> audio, video;
  uint8_t audio_level_extension = 0;
  uint8_t audio_transport_cc = 0, video_transport_cc = 0;  ///< extensions; 0: not agreed
  uint32_t audio_ssrc = 0, video_ssrc = 0, video_rtx_ssrc = 0;
  std::string cname;
};

}  // namespace partyline::sfu
