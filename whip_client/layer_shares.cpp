#include "whip_client/layer_shares.hpp"

#include <algorithm>

namespace partyline::whip_client {
namespace {

constexpr core::Duration kAmpleFor = std::chrono::seconds(2), kScarceFor = std::chrono::seconds(1);
constexpr double kAmple = 1.2, kMuchTooLittle = 0.8;

int64_t least(core::Bitrate full) {
  return full.bits_per_second / 2;  // what an encoder goes down to before its size is wrong
}

}  // namespace

core::Bitrate LayerShares::wish(const std::vector<bool>& wanted) const {
  int64_t sum = 0;
  for (size_t i = 0; i < rates_.size(); ++i) sum += wanted[i] ? rates_[i].bits_per_second : 0;
  return {sum};
}

// An estimate that dips is above again sooner than a layer that has been stopped is believed to fit again: a little too
// much for a moment is the lesser evil.
bool LayerShares::too_little(double room, double needed, core::TimePoint now) {
  if (room >= needed) {
    scarce_since_.reset();
    return false;
  }
  if (!scarce_since_) scarce_since_ = now;
  return room < kMuchTooLittle * needed || now - *scarce_since_ >= kScarceFor;
}

std::vector<core::Bitrate> LayerShares::update(std::optional<core::Bitrate> carries, const std::vector<bool>& wanted,
                                               core::TimePoint now) {
  const size_t count = rates_.size();
  std::vector<core::Bitrate> shares(count);
  // needs[n]: of the smallest n layers.
  std::vector<int64_t> needs(count + 1, 0);
  for (size_t n = 1; n <= count; ++n) needs[n] = needs[n - 1] + (wanted[count - n] ? least(rates_[count - n]) : 0);
  size_t floor = 1;
  while (floor < count && needs[floor] == 0) ++floor;  // the smallest that is wanted
  const auto room = carries ? static_cast<double>(carries->bits_per_second) : 1e12;
  while (sent_ > floor && too_little(room, static_cast<double>(needs[sent_]), now)) {
    --sent_;
    scarce_since_.reset();
  }
  sent_ = std::max(sent_, floor);
  const bool ample = sent_ < count && room >= kAmple * static_cast<double>(needs[sent_ + 1]);
  if (!ample) ample_since_.reset();
  if (ample && !ample_since_) ample_since_ = now;
  if (ample && now - *ample_since_ >= kAmpleFor) {
    ++sent_;
    ample_since_.reset();
  }
  double left = room - static_cast<double>(needs[sent_]);
  for (size_t i = count; i-- > count - sent_;) {
    if (!wanted[i]) continue;
    const int64_t most = rates_[i].bits_per_second - least(rates_[i]);
    const int64_t more = std::clamp(static_cast<int64_t>(left), int64_t{0}, most);
    left -= static_cast<double>(more);
    shares[i] = {least(rates_[i]) + more};
  }
  return shares;
}

void split_path(LayerShares& shares, rtp::TransportCongestion& path, std::span<rtp::Session* const> sessions,
                core::Bitrate sound, core::TimePoint now) {
  std::vector<bool> wanted;
  for (const rtp::Session* const session : sessions) {
    const auto allowed = session->allowed();
    wanted.push_back(!allowed || allowed->bits_per_second > 0);
  }
  path.estimator.set_wish({shares.wish(wanted).bits_per_second + sound.bits_per_second});
  auto carries = path.estimator.estimate(now);
  if (carries) carries->bits_per_second = std::max<int64_t>(0, carries->bits_per_second - sound.bits_per_second);
  const auto split = shares.update(carries, wanted, now);
  for (size_t i = 0; i < sessions.size(); ++i) {
    const bool with_sound = i == 0 && split[i].bits_per_second > 0;
    sessions[i]->set_share({split[i].bits_per_second + (with_sound ? sound.bits_per_second : 0)}, now);
  }
}

}  // namespace partyline::whip_client
