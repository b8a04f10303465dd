#include "rtp/payload/h264.hpp"

#include <algorithm>
#include <cstring>

#include "rtp/bytes.hpp"

namespace partyline::rtp::h264 {
namespace {

constexpr size_t kMaxParts = 4096;  // of one access unit
constexpr uint8_t kStartCode[4] = {0, 0, 0, 1};

/// Index of the next 00 00 01 at or behind `at`, or the size.
size_t find_start_code(std::span<const uint8_t> stream, size_t at) {
  while (at + 3 <= stream.size()) {
    const void* one = std::memchr(&stream[at + 2], 1, stream.size() - at - 2);
    if (!one) break;
    const auto i = static_cast<size_t>(static_cast<const uint8_t*>(one) - stream.data());
    if (stream[i - 1] == 0 && stream[i - 2] == 0) return i - 2;
    at = i - 1;
  }
  return stream.size();
}

bool is_picture(uint8_t type) {
  return type >= slice && type <= idr;
}

bool first_slice(uint8_t type, std::span<const uint8_t> body) {
  return (type == slice || type == partition_a || type == idr) && !body.empty() && (body[0] & 0x80) != 0;
}

bool opens_access_unit(uint8_t type) {
  return type == access_unit_delimiter || type == sps;
}

}  // namespace

AnnexBReader::AnnexBReader(std::span<const uint8_t> stream) : stream_(stream) {
  at_ = std::min(find_start_code(stream, 0) + 3, stream.size());
}

std::optional<std::span<const uint8_t>> AnnexBReader::next() {
  while (at_ < stream_.size()) {
    const size_t begin = at_;
    const size_t stop = find_start_code(stream_, begin);
    at_ = std::min(stop + 3, stream_.size());
    size_t end = stop;
    while (end > begin && stream_[end - 1] == 0) --end;  // zero_byte of the next start code, trailing_zero_8bits
    if (end > begin) return stream_.subspan(begin, end - begin);
  }
  return std::nullopt;
}

size_t packetize(std::span<const uint8_t> access_unit, int packetization_mode, size_t max_payload, PayloadPlan& plan) {
  plan.clear();
  size_t too_large = 0;
  size_t aggregate = 0;  // bytes of the open STAP-A, 0: none
  const auto close_aggregate = [&] {
    if (aggregate != 0) plan.end_packet();
    aggregate = 0;
  };
  AnnexBReader reader(access_unit);
  while (const auto nal = reader.next()) {
    const uint8_t header = (*nal)[0];
    const uint8_t type = nal_type(header);
    if (type == access_unit_delimiter || type == filler || type == 0 || type >= stap_a) continue;
    const auto high = static_cast<uint8_t>(nal->size() >> 8), low = static_cast<uint8_t>(nal->size());
    const bool small = packetization_mode == 1 && (type == sps || type == pps || type == sei);
    if (small && nal->size() + 3 <= max_payload) {
      if (aggregate != 0 && aggregate + 2 + nal->size() > max_payload) close_aggregate();
      if (aggregate == 0) {
        plan.add_piece({static_cast<uint8_t>(0x60 | stap_a), high, low}, *nal);
        aggregate = 3 + nal->size();
      } else {
        plan.add_piece({high, low}, *nal);
        aggregate += 2 + nal->size();
      }
      continue;
    }
    close_aggregate();
    if (nal->size() <= max_payload) {
      plan.add_piece({}, *nal);
      plan.end_packet();
      continue;
    }
    if (packetization_mode != 1) {
      ++too_large;
      continue;
    }
    const auto body = nal->subspan(1);
    const size_t room = max_payload - 2;
    const size_t parts = (body.size() + room - 1) / room;
    // Equal parts, the last one shorter: one size is what the kernel can cut by itself.
    const size_t part = (body.size() + parts - 1) / parts;
    for (size_t i = 0, from = 0; i < parts; ++i) {
      const size_t size = std::min(part, body.size() - from);
      const auto flags = static_cast<uint8_t>((i == 0 ? 0x80 : 0) | (i + 1 == parts ? 0x40 : 0) | type);
      plan.add_piece({static_cast<uint8_t>((header & 0xE0) | fu_a), flags}, body.subspan(from, size));
      plan.end_packet();
      from += size;
    }
  }
  close_aggregate();
  return too_large;
}

bool starts_access_unit(std::span<const uint8_t> payload) {
  if (payload.size() < 2) return false;
  const uint8_t type = nal_type(payload[0]);
  if (type == fu_a) {
    return (payload[1] & 0x80) != 0 &&
           (opens_access_unit(nal_type(payload[1])) || first_slice(nal_type(payload[1]), payload.subspan(2)));
  }
  if (type == stap_a) {
    for (size_t at = 1; at + 2 < payload.size();) {
      const size_t size = read_u16(&payload[at]);
      at += 2;
      if (size == 0 || at + size > payload.size()) return false;
      const uint8_t inner = nal_type(payload[at]);
      if (opens_access_unit(inner) || first_slice(inner, payload.subspan(at + 1, size - 1))) return true;
      at += size;
    }
    return false;
  }
  return opens_access_unit(type) || first_slice(type, payload.subspan(1));
}

bool Depacketizer::add_nal(std::span<const uint8_t> nal) {
  if (nal.empty() || parts_.size() >= kMaxParts) return false;
  const uint8_t type = nal_type(nal[0]);
  if (type == 0 || type >= stap_a) return false;
  if (type == sps || type == pps) sets_.remember(nal);
  has_sps_ |= type == sps;
  has_pps_ |= type == pps;
  has_picture_ |= is_picture(type);
  has_idr_ |= type == idr;
  parts_.push_back({nal, nal[0], true, false});
  return true;
}

bool Depacketizer::add_fragment(std::span<const uint8_t> payload) {
  if (payload.size() < 3 || parts_.size() >= kMaxParts) return false;
  const bool start = payload[1] & 0x80, end = payload[1] & 0x40;
  if (start == in_fragment_) return false;
  const uint8_t type = nal_type(payload[1]);
  if (type == 0 || type >= stap_a) return false;
  // Or the middle of another NAL unit would pass for a part of an IDR picture.
  if (!start && type != nal_type(parts_.back().header)) return false;
  in_fragment_ = !end;
  const auto header = static_cast<uint8_t>((payload[0] & 0xE0) | type);
  parts_.push_back({payload.subspan(2), header, start, true});
  has_picture_ |= is_picture(type);
  has_idr_ |= type == idr;
  return true;
}

bool Depacketizer::add(const core::Buffer& packet, std::span<const uint8_t> payload) {
  if (payload.empty()) return true;
  packets_.push_back(packet);
  const uint8_t type = nal_type(payload[0]);
  if (type == fu_a) return add_fragment(payload);
  if (in_fragment_) return false;
  if (type != stap_a) return add_nal(payload);
  size_t at = 1;
  while (at + 2 <= payload.size()) {
    const size_t size = read_u16(&payload[at]);
    at += 2;
    if (size == 0 || size > payload.size() - at || !add_nal(payload.subspan(at, size))) return false;
    at += size;
  }
  return at == payload.size() && at > 1;
}

std::optional<Depacketizer::Picture> Depacketizer::finish() {
  if (in_fragment_ || !has_picture_) {
    clear();
    return std::nullopt;
  }
  size_t bytes = 0;
  for (const Part& part : parts_) {
    bytes += part.bytes.size() + (part.starts ? sizeof kStartCode + (part.write_header ? 1 : 0) : 0);
  }
  const bool add_sps = has_idr_ && !has_sps_, add_pps = has_idr_ && !has_pps_;
  if (add_sps) bytes += sets_.annex_b_bytes(sps);
  if (add_pps) bytes += sets_.annex_b_bytes(pps);
  Picture picture{core::Buffer::allocate(bytes), has_idr_ && sets_.complete(), has_idr_, has_sps_ && has_pps_};
  picture.buffer.resize(bytes);
  uint8_t* out = picture.buffer.data();
  // A delimiter must stay first (H.264 §7.4.1.2.3).
  bool sets_due = add_sps || add_pps;
  for (const Part& part : parts_) {
    if (sets_due && nal_type(part.header) != access_unit_delimiter) {
      sets_due = false;
      if (add_sps) out = sets_.write_annex_b(sps, out);
      if (add_pps) out = sets_.write_annex_b(pps, out);
    }
    if (part.starts) {
      out = std::copy(std::begin(kStartCode), std::end(kStartCode), out);
      if (part.write_header) *out++ = part.header;
    }
    out = std::copy(part.bytes.begin(), part.bytes.end(), out);
  }
  clear();
  return picture;
}

void Depacketizer::clear() {
  packets_.clear();
  parts_.clear();
  in_fragment_ = has_picture_ = has_idr_ = has_sps_ = has_pps_ = false;
}

}  // namespace partyline::rtp::h264
