#include "rtp/payload/red_places.hpp"

#include "rtp/payload/red.hpp"

namespace partyline::rtp {

const RedPlaces::Entry* RedPlaces::find(int64_t sequence) const {
  const Entry& entry = entries_[static_cast<uint64_t>(sequence) % entries_.size()];
  return entry.known && entry.sequence == sequence ? &entry : nullptr;
}

void RedPlaces::on_packet(int64_t sequence, uint32_t time) {
  entries_[static_cast<uint64_t>(sequence) % entries_.size()] = {true, sequence, time};
  const Entry* const before = find(sequence - 1);
  if (before == nullptr) return;
  const uint32_t step = time - before->time;
  if (step == 0 || step > kMostRedOffset) return;  // a silence, or a restart
  // One long step may be a pause in speech; two are the sender's habit.
  if (spacing_ == 0 || step < spacing_ || step == last_step_) spacing_ = step;
  last_step_ = step;
}

std::optional<int64_t> RedPlaces::place(uint32_t time, int64_t own, uint32_t own_time) const {
  int64_t next = own, previous = own - kWindow;
  uint32_t next_time = own_time;
  bool bounded = false;
  for (int64_t sequence = own - 1; sequence > own - kWindow && !bounded; --sequence) {
    const Entry* const here = find(sequence);
    if (here == nullptr) continue;
    if (here->time == time) return std::nullopt;
    bounded = static_cast<int32_t>(time - here->time) > 0;
    if (bounded) {
      previous = sequence;
    } else {
      next = sequence;
      next_time = here->time;
    }
  }
  if (bounded && next - previous == 2) return previous + 1;
  const uint32_t ahead = next_time - time;
  if (spacing_ == 0 || ahead == 0 || ahead % spacing_ != 0) return std::nullopt;
  const int64_t sequence = next - static_cast<int64_t>(ahead / spacing_);
  return sequence > previous ? std::optional(sequence) : std::nullopt;
}

}  // namespace partyline::rtp
