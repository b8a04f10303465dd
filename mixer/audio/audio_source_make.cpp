// What AudioSource needs for a codec, a rate or a treatment, made on the time of those who bring it up.
#include "mixer/audio/audio_source.hpp"

namespace partyline::mixer {
namespace {

constexpr unsigned bit(size_t index) {
  return 1U << index;
}
constexpr unsigned bit(size_t from, size_t to) {
  return bit(from * kBands + to);
}

}  // namespace

AudioSource::Format* AudioSource::format_of(core::Codec codec) {
  const auto index = static_cast<size_t>(codec);
  if (index >= kCodecs || (formats_made_.load(std::memory_order_acquire) & bit(index)) == 0) return nullptr;
  return &formats_[index];
}

void AudioSource::prepare(core::Codec codec) {
  if (format_of(codec)) return;
  const AudioCodecRow* row = find_audio_codec(codec);
  if (!row || !row->make_decoder) return;
  const std::lock_guard lock(making_);
  if (format_of(codec)) return;
  auto decoder = side_ && row->make_stereo_decoder ? row->make_stereo_decoder() : row->make_decoder();
  if (!decoder) return;
  if (row->dear_to_decode && !dozer_) make_dozer();
  const auto index = static_cast<size_t>(codec);
  formats_[index] = {row, std::move(decoder)};
  spoken_ |= bit(band_of(row->sample_rate));
  make_for(band_of(row->sample_rate));
  formats_made_.fetch_or(bit(index), std::memory_order_release);
}

// making_ held, here and below.
void AudioSource::make_for(size_t band) {
  if (suppress_noise_.load(std::memory_order_relaxed)) noise_.prepare(kBandRates[band]);
  for (size_t to = 0; to < kBands; ++to)
    if (heard_ & bit(to)) make_converter(band, to);
}

void AudioSource::make_converter(size_t from, size_t to) {
  if (from == to || converted_[from][to]) return;
  const int in = kBandRates[from], out = kBandRates[to];
  converted_[from][to] = std::unique_ptr<Converted>(new Converted{Resampler(in, out)});
  converters_made_.fetch_or(bit(from, to), std::memory_order_release);
}

void AudioSource::hears_at(int rate) {
  const std::lock_guard lock(making_);
  heard_ |= bit(band_of(rate));
  for (size_t from = 0; from < kBands; ++from)
    if (spoken_ & bit(from)) make_converter(from, band_of(rate));
}

void AudioSource::set_processing(const VoiceProcessing& wanted) {
  level_.store(wanted.common_loudness, std::memory_order_relaxed);
  suppress_noise_.store(wanted.noise_suppression, std::memory_order_relaxed);
  guard_echo_.store(wanted.echo_guard, std::memory_order_relaxed);
  const std::lock_guard lock(making_);
  for (size_t band = 0; band < kBands; ++band)
    if (spoken_ & bit(band)) make_for(band);
}

std::span<const float> AudioSource::samples_at(int rate) {
  const size_t from = band_of(this->rate()), to = band_of(rate);
  if (from == to) return samples();
  if ((converters_made_.load(std::memory_order_acquire) & bit(from, to)) == 0) return {};
  Converted& converted = *converted_[from][to];
  const std::span<float> out(converted.block.data(), tick_samples(to));
  if (converted.tick == ticks_) return out;
  // Not asked for in the last tick: it was silent then, and an empty memory is the right one.
  if (converted.tick + 1 != ticks_) converted.resampler.reset();
  converted.resampler.process(samples(), out);
  converted.tick = ticks_;
  return out;
}

}  // namespace partyline::mixer
