#include "rtp/transport/ice_remotes.hpp"

#include <algorithm>

namespace partyline::rtp {

IceRemotes::Change IceRemotes::check(const IceRemoteKey& from, const LocalAddress& local, bool use_candidate,
                                     core::TimePoint now) {
  Change change;
  auto it = std::find_if(remotes_.begin(), remotes_.end(), [&](const Remote& r) { return r.key == from; });
  if (it == remotes_.end()) {
    change.evicted = make_room();
    change.added = true;
    remotes_.push_back({from, local, now});
    it = remotes_.end() - 1;
  }
  it->local = local;
  it->heard = now;
  const auto index = static_cast<size_t>(it - remotes_.begin());
  const Remote* current = selected();
  if (index != selected_ && (use_candidate || current == nullptr || now - current->heard >= kMoved)) {
    selected_ = index;
    change.selected = true;
  }
  return change;
}

void IceRemotes::heard(const IceRemoteKey& from, core::TimePoint now) {
  for (Remote& remote : remotes_) {
    if (remote.key == from) remote.heard = now;
  }
}

void IceRemotes::remove(const IceRemoteKey& key) {
  for (size_t i = 0; i < remotes_.size(); ++i) {
    if (!(remotes_[i].key == key)) continue;
    remotes_.erase(remotes_.begin() + static_cast<ptrdiff_t>(i));
    if (selected_ == i) {
      selected_ = SIZE_MAX;
    } else if (selected_ != SIZE_MAX && selected_ > i) {
      --selected_;
    }
    return;
  }
}

std::optional<IceRemoteKey> IceRemotes::make_room() {
  if (remotes_.size() < kMax) return std::nullopt;
  size_t oldest = SIZE_MAX;
  for (size_t i = 0; i < remotes_.size(); ++i) {
    if (i != selected_ && (oldest == SIZE_MAX || remotes_[i].heard < remotes_[oldest].heard)) oldest = i;
  }
  const IceRemoteKey evicted = remotes_[oldest].key;
  remove(evicted);
  return evicted;
}

}  // namespace partyline::rtp
