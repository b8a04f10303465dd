#include "mixer/audio/mix_bus.hpp"

#include <utility>

namespace partyline::mixer {
namespace {

void add_to(std::span<float> sum, std::span<const float> samples) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += samples[i];
}

std::array<Resampler, kBands> resamplers_from(int rate) {
  return {Resampler(rate, kBandRates[0]), Resampler(rate, kBandRates[1]), Resampler(rate, kBandRates[2])};
}

}  // namespace

MixBus::MixBus()
    : resamplers_{resamplers_from(kBandRates[0]), resamplers_from(kBandRates[1]), resamplers_from(kBandRates[2])} {}

void MixBus::begin() {
  for (Band& band : bands_) {
    if (band.busy) band.sum.fill(0);
    band.was_busy = std::exchange(band.busy, false);
  }
}

void MixBus::add(std::span<const float> samples, int rate) {
  const size_t band = band_of(rate);
  add_to({bands_[band].sum.data(), tick_samples(band)}, samples);
  bands_[band].busy = true;
}

void MixBus::finish(const std::array<bool, kBands>& wanted, RoomSounds& sounds) {
  for (size_t to = 0; to < kBands; ++to) {
    if (!wanted[to]) continue;
    const std::span<float> mix(mixes_[to].data(), tick_samples(to));
    std::copy_n(bands_[to].sum.begin(), mix.size(), mix.begin());
    for (size_t from = 0; from < kBands; ++from) {
      if (from == to || (!bands_[from].busy && !bands_[from].was_busy)) continue;
      Block resampled;
      const size_t count = resamplers_[from][to].process({bands_[from].sum.data(), tick_samples(from)}, resampled);
      add_to(mix, {resampled.data(), count});
    }
    sounds.add_to(mix, to);
  }
}

void MixBus::reset() {
  for (size_t from = 0; from < kBands; ++from) {
    bands_[from] = {};
    mixes_[from].fill(0);
    for (Resampler& resampler : resamplers_[from]) resampler.reset();
  }
}

}  // namespace partyline::mixer
