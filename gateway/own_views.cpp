#include "gateway/own_views.hpp"

#include <algorithm>
#include <set>

namespace partyline::gateway {
namespace {

/// The first `granted` of those who want one get it.
std::vector<bool> grant(std::span<const Receiver> receivers, size_t granted) {
  std::vector<bool> own(receivers.size());
  for (size_t i = 0; i < receivers.size() && granted > 0; ++i) {
    own[i] = receivers[i].member != 0;
    granted -= own[i] ? 1 : 0;
  }
  return own;
}

size_t renditions(std::span<const Receiver> receivers, const std::vector<bool>& own) {
  std::set<mixer::VideoRendition> distinct;
  for (size_t i = 0; i < receivers.size(); ++i) {
    mixer::VideoRendition picture = receivers[i].picture;
    picture.hidden_member = own[i] ? receivers[i].member : 0;
    distinct.insert(picture);
  }
  return distinct.size();
}

}  // namespace

std::vector<bool> allot_views(std::span<const Receiver> receivers) {
  const auto wishes = static_cast<size_t>(std::ranges::count_if(receivers, [](const Receiver& r) { return r.member; }));
  for (size_t granted = std::min(wishes, kMostRenditions); granted > 0; --granted) {
    std::vector<bool> own = grant(receivers, granted);
    if (renditions(receivers, own) <= kMostRenditions) return own;
  }
  return grant(receivers, 0);
}

}  // namespace partyline::gateway
