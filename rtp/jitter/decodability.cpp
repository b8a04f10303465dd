#include "rtp/jitter/decodability.hpp"

namespace partyline::rtp {
namespace {

// What may be lost between two pictures of which the counters say that they follow each other. Longer holes may be a
// whole turn of a counter, or a keyframe that set it back.
constexpr int64_t kMostLostPackets = 12, kMostTicks = 90000 / 4;
constexpr uint32_t kMostPictures = 128;  // a 7-bit picture id may have turned
constexpr uint8_t kAllLayers = 0xFF;

}  // namespace

bool Decodability::nothing_referred_to(const PictureInfo& picture, int64_t lost_packets, int64_t ticks) const {
  if (picture.picture_id && last_.picture_id) {
    const uint32_t expected = (*last_.picture_id + 1u) % last_.picture_id_modulus;
    const bool sure = picture.picture_id_modulus > kMostPictures || ticks <= kMostTicks;
    const bool same_kind = picture.picture_id_modulus == last_.picture_id_modulus;
    if (*picture.picture_id == expected && same_kind && sure) return true;
  }
  if (lost_packets > kMostLostPackets || ticks > kMostTicks) return false;
  if (!picture.frame_num || !last_.frame_num || !has_disposables_) return false;
  if (picture.frame_num_modulus != last_.frame_num_modulus) return false;
  const uint32_t expected = (*last_.frame_num + (last_.disposable ? 0 : 1)) % last_.frame_num_modulus;
  return *picture.frame_num == expected;
}

Decodability::Verdict Decodability::judge_layer(const PictureInfo& picture, bool lost) {
  const uint8_t index = *picture.base_index, id = *picture.temporal_id;
  if (lost) layers_ = 0;
  if (id == 0) return index == static_cast<uint8_t>(*last_.base_index + 1) ? Verdict::decodable : Verdict::undecodable;
  if (index != *last_.base_index) return Verdict::undecodable;
  const auto below = static_cast<uint8_t>((1u << id) - 2);  // layers 1 … id − 1
  const auto own = static_cast<uint8_t>(1u << id);
  if (picture.layer_sync) layers_ |= own;
  return picture.layer_sync || (layers_ & (below | own)) == (below | own) ? Verdict::decodable : Verdict::layer_broken;
}

Decodability::Verdict Decodability::judge(const PictureInfo& picture, int64_t lost_packets, int64_t ticks) {
  has_disposables_ = has_disposables_ || picture.disposable;
  if (picture.keyframe) {
    chain_ = true;
    layers_ = kAllLayers;
    last_ = picture;
    return Verdict::decodable;
  }
  if (!chain_) return Verdict::undecodable;
  const bool lost = lost_packets > 0 && !nothing_referred_to(picture, lost_packets, ticks);
  Verdict verdict = Verdict::decodable;
  if (picture.base_index && picture.temporal_id && last_.base_index) {
    if (lost || layers_ != kAllLayers) verdict = judge_layer(picture, lost);
  } else if (lost) {
    verdict = Verdict::undecodable;
  }
  chain_ = verdict != Verdict::undecodable;
  if (chain_) last_ = picture;
  return verdict;
}

void Decodability::on_broken(const PictureInfo& picture) {
  if (picture.keyframe) {
    chain_ = false;  // the counters may have been set back
  } else if (chain_ && picture.disposable && picture.picture_id && last_.picture_id &&
             *picture.picture_id == (*last_.picture_id + 1u) % last_.picture_id_modulus) {
    last_.picture_id = picture.picture_id;
  }
}

}  // namespace partyline::rtp
