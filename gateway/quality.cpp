#include "gateway/quality.hpp"

#include <fmt/format.h>

#include <vector>

namespace partyline::gateway {
namespace {

constexpr uint64_t kFrozenWorthTelling = 1000;

}  // namespace

void QualityJournal::add(const rtp::SessionStats& session, const mixer::MemberStats& mixed, core::TimePoint now) {
  const bool played = mixed.audio_frames > mixed_.audio_frames;
  std::optional<core::Duration> invented;
  if (played) invented = std::chrono::milliseconds(mixed.audio_concealed_ms - mixed_.audio_concealed_ms);
  link_.add(session, now, invented);
  mixed_ = mixed;
}

core::Duration QualityJournal::playout() const {
  return std::chrono::duration_cast<core::Duration>(std::chrono::duration<double, std::milli>(mixed_.playout_delay_ms));
}

std::string QualityJournal::verdict(core::TimePoint now, std::chrono::system_clock::time_point wall) const {
  auto parts = link_.losses(now, wall);
  const double seconds = std::chrono::duration<double>(now - since_).count();
  if (mixed_.audio_concealed_ms > 200 && static_cast<double>(mixed_.audio_concealed_ms) > 5 * seconds)
    parts.push_back(
        fmt::format("{:.1f} s of its audio were concealed", static_cast<double>(mixed_.audio_concealed_ms) / 1000));
  if (mixed_.video_frozen_ms >= kFrozenWorthTelling)
    parts.push_back(fmt::format("its picture stood still {} times, {:.1f} s in all", mixed_.video_freezes,
                                static_cast<double>(mixed_.video_frozen_ms) / 1000));
  std::string words = parts.empty() ? "no trouble" : fmt::format("{}", fmt::join(parts, "; "));
  if (const auto score = mos()) words += fmt::format("; speech MOS {:.1f}", *score);
  return words;
}

}  // namespace partyline::gateway
