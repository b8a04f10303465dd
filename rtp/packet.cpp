#include "rtp/packet.hpp"

#include <algorithm>

#include "rtp/bytes.hpp"

namespace partyline::rtp {
namespace {

constexpr uint16_t kOneByteProfile = 0xBEDE;
constexpr uint16_t kTwoByteProfile = 0x1000;  // low four bits: "appbits"
constexpr size_t kMaxExtensionBytes = 255 * 4;

}  // namespace

std::optional<PacketView> parse_packet(std::span<const uint8_t> packet) {
  if (packet.size() < kRtpHeaderBytes || packet[0] >> 6 != 2 || is_rtcp(packet)) return std::nullopt;
  PacketView view;
  view.csrc_count = packet[0] & 0x0F;
  view.marker = packet[1] & 0x80;
  view.payload_type = packet[1] & 0x7F;
  view.sequence = Seq16{read_u16(&packet[2])};
  view.timestamp = RtpTime32{read_u32(&packet[4])};
  view.ssrc = read_u32(&packet[8]);
  size_t at = kRtpHeaderBytes + size_t{view.csrc_count} * 4;
  if (packet[0] & 0x10) {
    if (packet.size() < at + 4) return std::nullopt;
    view.extension_profile = read_u16(&packet[at]);
    const size_t length = size_t{read_u16(&packet[at + 2])} * 4;
    at += 4;
    if (packet.size() < at + length) return std::nullopt;
    view.extension_data = packet.subspan(at, length);
    at += length;
  }
  if (packet.size() < at) return std::nullopt;
  if (packet[0] & 0x20) {
    view.padding_bytes = packet.back();
    if (view.padding_bytes == 0 || view.padding_bytes > packet.size() - at) return std::nullopt;
  }
  view.header_bytes = at;
  view.payload = packet.subspan(at, packet.size() - at - view.padding_bytes);
  return view;
}

std::optional<std::span<const uint8_t>> PacketView::extension(uint8_t id) const {
  if (id == 0) return std::nullopt;
  const bool one_byte = extension_profile == kOneByteProfile;
  if (!one_byte && (extension_profile & 0xFFF0) != kTwoByteProfile) return std::nullopt;
  for (size_t at = 0; at < extension_data.size();) {
    if (extension_data[at] == 0) {  // padding between elements
      ++at;
      continue;
    }
    uint8_t element = 0;
    size_t length = 0;
    if (one_byte) {
      element = extension_data[at] >> 4;
      if (element == 15) return std::nullopt;  // §4.2: stop here
      length = size_t{extension_data[at] & 0x0Fu} + 1;
      at += 1;
    } else {
      if (at + 2 > extension_data.size()) return std::nullopt;
      element = extension_data[at];
      length = extension_data[at + 1];
      at += 2;
    }
    if (length > extension_data.size() - at) return std::nullopt;
    if (element == id) return extension_data.subspan(at, length);
    at += length;
  }
  return std::nullopt;
}

std::optional<Seq16> PacketView::transport_sequence(uint8_t id) const {
  const auto value = extension(id);
  if (!value || value->size() < 2) return std::nullopt;
  return Seq16{read_u16(value->data())};
}

std::optional<uint8_t> PacketView::audio_level(uint8_t id) const {
  const auto value = extension(id);
  if (!value || value->empty()) return std::nullopt;
  return static_cast<uint8_t>((*value)[0] & 0x7F);
}

PacketWriter::PacketWriter(std::span<uint8_t> out, const PacketHeader& header) : out_(out) {
  if (out_.size() < kRtpHeaderBytes) {
    out_ = {};
    header_open_ = false;
    return;
  }
  out_[0] = 0x80;
  out_[1] = static_cast<uint8_t>((header.marker ? 0x80 : 0) | (header.payload_type & 0x7F));
  write_u16(&out_[2], header.sequence.value);
  write_u32(&out_[4], header.timestamp.value);
  write_u32(&out_[8], header.ssrc);
  size_ = kRtpHeaderBytes;
}

bool PacketWriter::add_extension(uint8_t id, std::span<const uint8_t> value) {
  if (!header_open_ || id == 0 || id > 14 || value.empty() || value.size() > 16) return false;
  const size_t opening = extension_start_ == 0 ? 4 : 0;
  // 3: the padding that close_header() may need.
  if (size_ + opening + 1 + value.size() + 3 > out_.size()) return false;
  if (extension_start_ != 0 && size_ - extension_start_ + 1 + value.size() > kMaxExtensionBytes) return false;
  if (opening != 0) {
    out_[0] |= 0x10;
    write_u16(&out_[size_], kOneByteProfile);
    size_ += 4;
    extension_start_ = size_;
  }
  out_[size_++] = static_cast<uint8_t>(id << 4 | (value.size() - 1));
  std::copy(value.begin(), value.end(), out_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += value.size();
  return true;
}

void PacketWriter::close_header() {
  if (!header_open_) return;
  header_open_ = false;
  if (extension_start_ == 0) return;
  while ((size_ - extension_start_) % 4 != 0) out_[size_++] = 0;
  write_u16(&out_[extension_start_ - 2], static_cast<uint16_t>((size_ - extension_start_) / 4));
}

std::span<uint8_t> PacketWriter::payload_room() {
  close_header();
  return out_.subspan(size_);
}

bool PacketWriter::append(std::span<const uint8_t> bytes) {
  const auto room = payload_room();
  if (bytes.size() > room.size()) return false;
  std::copy(bytes.begin(), bytes.end(), room.begin());
  size_ += bytes.size();
  return true;
}

bool PacketWriter::commit(size_t bytes) {
  if (bytes > payload_room().size()) return false;
  size_ += bytes;
  return true;
}

void set_marker(std::span<uint8_t> packet, bool marker) {
  packet[1] = static_cast<uint8_t>((packet[1] & 0x7F) | (marker ? 0x80 : 0));
}
void set_payload_type(std::span<uint8_t> packet, uint8_t payload_type) {
  packet[1] = static_cast<uint8_t>((packet[1] & 0x80) | (payload_type & 0x7F));
}
void set_sequence(std::span<uint8_t> packet, Seq16 sequence) {
  write_u16(&packet[2], sequence.value);
}
void set_timestamp(std::span<uint8_t> packet, RtpTime32 timestamp) {
  write_u32(&packet[4], timestamp.value);
}
void set_ssrc(std::span<uint8_t> packet, uint32_t ssrc) {
  write_u32(&packet[8], ssrc);
}

bool set_extension(std::span<uint8_t> packet, uint8_t id, std::span<const uint8_t> value) {
  const auto view = parse_packet(packet);
  if (!view) return false;
  const auto found = view->extension(id);
  if (!found || found->size() != value.size()) return false;
  std::copy(value.begin(), value.end(), packet.begin() + (found->data() - packet.data()));
  return true;
}

}  // namespace partyline::rtp
