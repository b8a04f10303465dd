#include "rtp/jitter/reorder_buffer.hpp"

#include <algorithm>
#include <utility>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr uint8_t kMaxTries = 10;
// Lost together, these are a black-out and no accident.
constexpr core::Duration kBlackOut = 500ms;
constexpr int64_t kBlackOutPackets = 10;
constexpr double kLossWeight = 1.0 / 256;

}  // namespace

void ReorderBuffer::empty_slot(int64_t sequence) {
  Slot& s = slot(sequence);
  if (s.state == State::missing) --missing_;
  if (s.state == State::present) bytes_ -= s.packet.buffer.size();
  s = Slot{};
}

void ReorderBuffer::skip_to(int64_t sequence) {
  const int64_t last = std::min(sequence, highest_ + 1);
  for (int64_t s = *next_; s < last; ++s) empty_slot(s);
  lost_ += std::max<int64_t>(sequence - *next_, 0);
  next_ = sequence;
  highest_ = std::max(highest_, sequence - 1);
}

/// Everything between the highest so far and `sequence`, which has come.
void ReorderBuffer::note_missing(int64_t sequence, core::TimePoint now) {
  const bool black_out = sequence - highest_ > kBlackOutPackets && now - last_arrival_ >= kBlackOut;
  black_out_ = black_out_ || black_out;
  for (int64_t s = highest_ + 1; s < sequence; ++s) {
    Slot& hole = slot(s);
    hole.state = State::missing;
    hole.missing_since = black_out ? now - wait_ : now;
    if (black_out) hole.tries = kMaxTries;
    loss_ += (1 - loss_) * kLossWeight;
    ++missing_;
    nack_due_ = now;
  }
}

ReorderBuffer::Verdict ReorderBuffer::insert(VideoPacket packet, core::TimePoint now) {
  const int64_t sequence = packet.sequence;
  if (!next_) {
    slots_.resize(kCapacity);
    next_ = sequence;
    highest_ = sequence - 1;
  }
  if (sequence < *next_) return Verdict::late;
  if (sequence >= *next_ + kCapacity) skip_to(sequence - kCapacity / 2);
  if (sequence > highest_) {
    note_missing(sequence, now);
    loss_ -= loss_ * kLossWeight;
  }
  last_arrival_ = now;
  highest_ = std::max(highest_, sequence);
  Slot& s = slot(sequence);
  if (s.state == State::present) return Verdict::late;
  if (s.state == State::missing) --missing_;
  const bool recovered = s.state == State::missing && s.tries > 0;
  if (recovered && s.tries == 1 && !s.echoed) recovery_time_ = now - s.asked;
  s.state = State::present;
  bytes_ += packet.buffer.size();
  s.packet = std::move(packet);
  return recovered ? Verdict::recovered : Verdict::stored;
}

std::optional<ReorderBuffer::Released> ReorderBuffer::pop(core::TimePoint now) {
  if (!next_) return std::nullopt;
  while (*next_ <= highest_ && slot(*next_).state == State::missing) {
    if (!overfull() && now - slot(*next_).missing_since < wait_) return std::nullopt;
    skip_to(*next_ + 1);
  }
  if (*next_ > highest_) return std::nullopt;
  Slot& s = slot(*next_);
  Released released{std::move(s.packet), std::exchange(lost_, 0)};
  bytes_ -= released.packet.buffer.size();
  s = Slot{};
  ++*next_;
  return released;
}

void ReorderBuffer::take_nacks(core::TimePoint now, const Asking& asking,
                               rtcp::BoundedList<Seq16, rtcp::kMaxNacks>& out) {
  if (missing_ == 0 || now < nack_due_) return;
  nack_due_ = core::TimePoint::max();
  for (int64_t sequence = *next_; sequence <= highest_; ++sequence) {
    Slot& s = slot(sequence);
    if (s.state != State::missing || s.tries >= kMaxTries) continue;
    if (now + asking.round_trip > s.missing_since + wait_) continue;
    const auto due = [&] {
      if (s.tries == 0) return now;
      const bool echo = asking.echo > core::Duration::zero() && s.tries == 1 && !s.echoed;
      return s.asked + (echo ? asking.echo : asking.retry_interval);
    };
    if (now >= due()) {
      if (out.size() >= asking.most || !out.push(Seq16{static_cast<uint16_t>(sequence)})) {
        nack_due_ = now;
        return;
      }
      const bool echo = now < s.asked + asking.retry_interval && s.tries == 1;
      s.echoed = s.echoed || echo;
      if (!echo) {
        ++s.tries;
        s.asked = now;
      }
    }
    nack_due_ = std::min(nack_due_, due());
  }
}

std::optional<core::TimePoint> ReorderBuffer::next_deadline(bool nack) const {
  if (missing_ == 0) return std::nullopt;
  // pop() stops at a missing packet, so that the first one is the oldest.
  const core::TimePoint give_up = slot(*next_).missing_since + wait_;
  return nack ? std::min(give_up, nack_due_) : give_up;
}

void ReorderBuffer::clear() {
  if (next_) {
    for (int64_t sequence = *next_; sequence <= highest_; ++sequence) empty_slot(sequence);
  }
  next_.reset();
  missing_ = bytes_ = 0;
  black_out_ = false;
  lost_ = 0;
}

}  // namespace partyline::rtp
