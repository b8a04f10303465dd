#include "whip_client/layer_shares.hpp"

#include <algorithm>

namespace partyline::whip_client {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kAmpleFor = 2s, kLongestAmple = 32s, kShortFor = 1500ms, kMuchShortFor = 400ms, kSettled = 10s;
constexpr double kAmple = 1.2, kMuchShort = 0.7;

int64_t least(core::Bitrate full) {
  return full.bits_per_second / 2;  // what an encoder goes down to before its size is wrong
}

}  // namespace

core::Bitrate LayerShares::wish(const std::vector<bool>& wanted) const {
  int64_t sum = 0;
  for (size_t i = 0; i < rates_.size(); ++i) sum += wanted[i] ? rates_[i].bits_per_second : 0;
  return {sum};
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
  stop_what_is_too_much(room, needs, floor, now);
  sent_ = std::max(sent_, floor);
  start_what_fits(room, needs, now);
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

void LayerShares::stop_what_is_too_much(double room, const std::vector<int64_t>& needs, size_t floor,
                                        core::TimePoint now) {
  const auto falls_short = [&](double share) {
    return sent_ > floor && room < share * static_cast<double>(needs[sent_]);
  };
  const auto lasts = [now](bool is_so, std::optional<core::TimePoint>& since, core::Duration long_enough) {
    if (!is_so) since.reset();
    if (is_so && !since) since = now;
    return is_so && now - *since >= long_enough;
  };
  const bool lasting = lasts(falls_short(1), short_since_, kShortFor);
  const bool much = lasts(falls_short(kMuchShort), much_short_since_, kMuchShortFor);
  while ((lasting && falls_short(1)) || (much && falls_short(kMuchShort))) {
    const core::Duration stayed = now - started_[sent_ - 1];
    core::Duration& wait = waits_[sent_ - 1];
    wait = stayed < kSettled ? std::min<core::Duration>(2 * wait, kLongestAmple) : kAmpleFor;
    --sent_;
  }
}

void LayerShares::start_what_fits(double room, const std::vector<int64_t>& needs, core::TimePoint now) {
  const bool ample = sent_ < rates_.size() && room >= kAmple * static_cast<double>(needs[sent_ + 1]);
  if (!ample) ample_since_.reset();
  if (ample && !ample_since_) ample_since_ = now;
  if (!ample || now - *ample_since_ < waits_[sent_]) return;
  started_[sent_++] = now;
  ample_since_.reset();
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
