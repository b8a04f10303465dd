#include "mixer/audio/pitch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace partyline::mixer {
namespace {

// Correlation over every `stride`-th sample.
double likeness_at(std::span<const float> signal, size_t window, size_t lag, size_t stride) {
  double product = 0;
  double here = 0;
  double there = 0;
  for (size_t i = 0; i < window; i += stride) {
    const double a = signal[i];
    const double b = signal[i + lag];
    product += a * b;
    here += a * a;
    there += b * b;
  }
  const double scale = std::sqrt(here * there);
  return scale > 1e-12 ? product / scale : 0;
}

}  // namespace

Period find_period(std::span<const float> signal, size_t window, size_t min_lag, size_t max_lag, size_t ratio) {
  const size_t coarse =
      std::max<size_t>(6 / ratio, 1);  // 8 kHz is fine enough to find the hill, the last step climbs it
  const size_t step = std::max<size_t>(coarse / 2, 1);
  const size_t fine_stride = ratio == 1 ? 2 : 1;
  Period best{min_lag, -2};
  for (size_t lag = min_lag; lag <= max_lag; lag += step) {
    const double likeness = likeness_at(signal, window, lag, coarse);
    if (likeness > best.likeness) best = {lag, likeness};
  }
  const size_t from = std::max(min_lag, best.samples - std::min(best.samples, step));
  const size_t to = std::min(max_lag, best.samples + step);
  Period fine{best.samples, -2};
  for (size_t lag = from; lag <= to; ++lag) {
    const double likeness = likeness_at(signal, window, lag, fine_stride);
    if (likeness > fine.likeness) fine = {lag, likeness};
  }
  return fine;
}

size_t remove_period(std::span<float> pcm, size_t period) {
  for (size_t i = 0; i < period; ++i) {
    const float weight = (static_cast<float>(i) + 0.5F) / static_cast<float>(period);
    pcm[i] = pcm[i] * (1 - weight) + pcm[i + period] * weight;
  }
  std::memmove(&pcm[period], &pcm[2 * period], (pcm.size() - 2 * period) * sizeof(float));
  return pcm.size() - period;
}

size_t insert_period(std::span<float> pcm, size_t length, size_t period) {
  // …A B… becomes …A X B… where X starts as B does (A flows into it) and ends as A does (it flows into B).
  std::memmove(&pcm[2 * period], &pcm[period], (length - period) * sizeof(float));
  for (size_t i = 0; i < period; ++i) {
    const float weight = (static_cast<float>(i) + 0.5F) / static_cast<float>(period);
    pcm[i + period] = pcm[i + 2 * period] * (1 - weight) + pcm[i] * weight;
  }
  return length + period;
}

}  // namespace partyline::mixer
