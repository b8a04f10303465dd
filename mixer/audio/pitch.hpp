// Pitch work on mono at any rate: how a few milliseconds are taken out of a voice or put into it without a click
// (overlap-add at the waveform's own period), and how a lost packet is filled by repeating that period.
//
// Pure functions; they allocate nothing. Idea: WSOLA (Verhelst and Roelands, 1993), G.711 Appendix I.
#pragma once

#include <cstddef>
#include <span>

namespace partyline::mixer {

constexpr size_t kMinPeriod = 120;  ///< 2.5 ms at 48 kHz: 400 Hz
constexpr size_t kMaxPeriod = 720;  ///< 15 ms at 48 kHz: 67 Hz

struct Period {
  size_t samples = 0;
  double likeness = 0;  ///< normalised correlation, 1: perfectly periodic
};

/// The lag in [min_lag, max_lag] at which signal[0, window) looks most like signal[lag, lag + window).
/// Needs window + max_lag samples. `ratio`: 48 kHz samples in one of the signal's.
Period find_period(std::span<const float> signal, size_t window, size_t min_lag, size_t max_lag, size_t ratio = 1);

/// Takes `period` samples out: in[0, period) is cross-faded into in[period, 2·period), the rest moves up.
/// `pcm` holds at least 2·period samples; returns the new length.
size_t remove_period(std::span<float> pcm, size_t period);

/// Puts `period` samples in behind pcm[0, period): `pcm` has room for length + period. Returns the new length.
size_t insert_period(std::span<float> pcm, size_t length, size_t period);

}  // namespace partyline::mixer
