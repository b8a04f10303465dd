#include "gateway/outbox.hpp"

#include <mutex>
#include <utility>

#include "core/counters.hpp"

namespace partyline::gateway {
namespace {

// One frame for many, as its encoder hands it to one after the other.
bool same(const core::EncodedFrame& a, const core::EncodedFrame& b) {
  return a.data.data() == b.data.data() && a.data.size() == b.data.size() && a.codec == b.codec &&
         a.rtp_time == b.rtp_time && a.sequence == b.sequence && a.capture == b.capture && a.arrival == b.arrival &&
         a.keyframe == b.keyframe && a.after_loss == b.after_loss && a.marker == b.marker &&
         a.recovered == b.recovered && a.comfort_noise == b.comfort_noise && a.audio_level == b.audio_level;
}

}  // namespace

std::shared_ptr<Outbox> Outbox::create(const boost::asio::any_io_executor& executor) {
  std::shared_ptr<Outbox> outbox(new Outbox(executor));
  outbox->listen();
  return outbox;
}

Outbox::Outbox(const boost::asio::any_io_executor& executor) : listener_(executor, bell_.descriptor()) {
  for (Post* const post : {&waiting_, &draining_}) {
    post->letters.reserve(kCapacity);
    post->frames.reserve(kCapacity);
  }
}

Outbox::~Outbox() {
  listener_.release();  // the descriptor is the bell's
}

Outbox::Address Outbox::add(std::weak_ptr<FrameSender> sender) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t at = free_.back();
  free_.pop_back();
  slots_[at].sender = std::move(sender);
  return {at, ++slots_[at].generation};
}

void Outbox::set_footprint(Address address, const core::Footprint& footprint) {
  slots_[address.slot].footprint = footprint;
}

void Outbox::remove(Address address) {
  Slot& slot = slots_[address.slot];
  slot.sender.reset();
  ++slot.generation;
  slot.footprint = {};
  free_.push_back(address.slot);
}

bool Outbox::post(Address to, const core::EncodedFrame& frame) {
  static core::Counter& dropped = core::counter("partyline_outbox_dropped_total");
  const std::lock_guard lock(mutex_);
  if (waiting_.letters.size() >= kCapacity) {
    dropped.add();
    return false;
  }
  auto& frames = waiting_.frames;
  if (frames.empty() || !same(frames.back(), frame)) frames.push_back(frame);
  waiting_.letters.push_back({to, static_cast<uint32_t>(frames.size() - 1)});
  // Within the lock: who owes the bell a ring must not be put aside while the tick relies on it.
  if (!std::exchange(scheduled_, true)) bell_.ring();
  return true;
}

void OutboxSink::push(const core::EncodedFrame& frame) {
  if (!lost_) {
    lost_ = !outbox_->post(to_, frame);
    return;
  }
  core::EncodedFrame after = frame;
  after.after_loss = true;
  lost_ = !outbox_->post(to_, after);
}

void Outbox::listen() {
  listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const boost::system::error_code& error) {
                         const auto self = weak.lock();
                         if (!self || error) return;
                         self->drain();
                         self->listen();
                       });
}

void Outbox::drain() {
  bell_.silence();
  {
    const std::lock_guard lock(mutex_);
    std::swap(waiting_, draining_);
    scheduled_ = false;
  }
  for (size_t i = 0; i < draining_.letters.size(); ++i) {
    fetch_ahead(i);
    const Letter& letter = draining_.letters[i];
    const Slot& slot = slots_[letter.to.slot];
    if (slot.generation != letter.to.generation) continue;
    if (const auto sender = slot.sender.lock()) sender->send_frame(draining_.frames[letter.frame]);
  }
  draining_.letters.clear();
  draining_.frames.clear();
}

// What the next letter's sender will need, and where that is written for the one behind it.
void Outbox::fetch_ahead(size_t letter) const {
  const auto& letters = draining_.letters;
  if (letter + 1 < letters.size()) slots_[letters[letter + 1].to.slot].footprint.fetch();
  if (letter + 2 >= letters.size()) return;
  core::fetch_ahead(&slots_[letters[letter + 2].to.slot], sizeof(Slot));
}

}  // namespace partyline::gateway
