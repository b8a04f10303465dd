#include "mixer/audio/encoder_group.hpp"

#include <algorithm>
#include <utility>

namespace partyline::mixer {

EncoderGroup::EncoderGroup(AudioFormat format, std::unique_ptr<EncoderStream> shared, bool apart)
    : format_(format),
      band_(apart ? kStereoBand : band_of(find_audio_codec(format.codec)->sample_rate)),
      shared_(std::move(shared)) {}

void EncoderGroup::add(AudioOutput output, Belongings& with) {
  move_house(listeners_, with.listeners);
  move_house(spares_, with.spares);
  listeners_.push_back({std::move(output), nullptr});
  if (with.own) spares_.push_back(std::move(with.own));
}

bool EncoderGroup::remove(OutputId id, Belongings& gone) {
  const auto at = std::find_if(listeners_.begin(), listeners_.end(),
                               [id](const Listener& listener) { return listener.output.id == id; });
  if (at == listeners_.end()) return false;
  // Its stream goes with it; the others keep one each.
  if (at->own) {
    gone.own = std::move(at->own);
  } else if (at->output.member && !spares_.empty()) {
    gone.own = std::move(spares_.back());
    spares_.pop_back();
  }
  listeners_.erase(at);
  if (!listeners_.empty()) return true;
  gone.shared = std::move(shared_);
  gone.listeners.swap(listeners_);
  gone.spares.swap(spares_);
  return true;
}

bool EncoderGroup::take_own(Listener& listener) {
  if (spares_.empty()) return false;
  listener.own = std::move(spares_.back());
  spares_.pop_back();
  if (shared_warm_) listener.own->continue_from(*shared_);
  return true;
}

void EncoderGroup::give_back(Listener& listener) {
  if (shared_warm_) {
    // The receiver has decoded another encoder's packets: what comes now must stand alone.
    shared_->break_prediction();
  } else {
    shared_->continue_from(*listener.own);
    shared_warm_ = true;
  }
  spares_.push_back(std::move(listener.own));
}

size_t EncoderGroup::tick(TickTime time, MixView& mix) {
  size_t packets = 0;
  running_ = 0;
  bool anybody_shares = false;
  for (Listener& listener : listeners_) {
    MixSpan own_mix;
    if (listener.output.member) own_mix = mix.without(*listener.output.member, band_);
    if (own_mix.empty() && listener.own) give_back(listener);
    if (!own_mix.empty() && !listener.own && !take_own(listener)) own_mix = {};
    if (own_mix.empty()) {
      anybody_shares = true;
      continue;
    }
    ++running_;
    listener.own->feed(own_mix, time, [&](const core::EncodedFrame& frame) {
      ++packets;
      listener.output.gate->push(frame);
    });
  }
  const bool warm = std::exchange(shared_warm_, anybody_shares);
  if (!anybody_shares) return packets;
  if (!warm) shared_->begin_anew();
  ++running_;
  shared_->feed(mix.full(band_), time, [&](const core::EncodedFrame& frame) {
    ++packets;
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (i + 2 < listeners_.size()) listeners_[i + 2].output.footprint.fetch();
      if (!listeners_[i].own) listeners_[i].output.gate->push(frame);
    }
  });
  return packets;
}

}  // namespace partyline::mixer
