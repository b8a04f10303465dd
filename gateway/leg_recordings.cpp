#include "gateway/leg_recordings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "core/log.hpp"
#include "gateway/ids.hpp"
#include "gateway/leg_feedback.hpp"
#include "gateway/outputs/output_url.hpp"
#include "gateway/reaper.hpp"
#include "gateway/room_output.hpp"

namespace partyline::gateway {

LegRecordings::~LegRecordings() {
  for (auto& [id, recording] : recordings_) end(recording);
}

core::Result<std::string> LegRecordings::record(const std::shared_ptr<Leg>& leg, bool of_each) {
  if (std::ranges::any_of(recordings_, [&](const auto& entry) { return entry.second.leg == leg; }))
    return core::make_error(core::ErrorCode::conflict, fmt::format("leg {} is recorded already", leg->id()));
  const std::string id = next_id("out");
  LiveOutputConfig config;
  config.url = recording_url(room_, leg->id(), "mkv", std::time(nullptr));
  config.file_directory = services_.config->recording.directory;
  config.received = true;
  config.keyframe_deadline = std::chrono::seconds(5);
  config.muxer.frames_per_second = 0;
  config.log_context = fmt::format("room={} leg={} output={}", room_, leg->id(), id);
  auto live = LiveOutput::create(std::move(config), services_.executor, tell_output_state(services_, room_, id));
  if (!live) return live.error();
  Recording recording{leg, std::move(*live), of_each};
  recording.live->set_feedback(feedback_to(services_.executor, leg));
  leg->set_tap(recording.live->sink());
  recordings_.emplace(id, std::move(recording));
  return id;
}

void LegRecordings::record_each(const std::string& output, const std::map<std::string, std::shared_ptr<Leg>>& legs) {
  each_.insert(output);
  for (const auto& [id, leg] : legs) joined(leg);
}

void LegRecordings::joined(const std::shared_ptr<Leg>& leg) {
  if (each_.empty()) return;
  if (auto made = record(leg, true); !made && made.error().code != core::ErrorCode::conflict)
    core::log_error("room={} leg={} is not recorded: {}", room_, leg->id(), made.error().message);
}

void LegRecordings::left(const std::string& leg) {
  end_if([&](const std::string&, const Recording& recording) { return recording.leg->id() == leg; });
}

bool LegRecordings::remove(const std::string& output) {
  const size_t before = recordings_.size();
  const bool last = each_.erase(output) > 0 && each_.empty();
  end_if(
      [&](const std::string& id, const Recording& recording) { return id == output || (last && recording.of_each); });
  return recordings_.size() < before;
}

void LegRecordings::end_if(const std::function<bool(const std::string& output, const Recording&)>& chosen) {
  for (auto at = recordings_.begin(); at != recordings_.end();) {
    if (!chosen(at->first, at->second)) {
      ++at;
      continue;
    }
    end(at->second);
    at = recordings_.erase(at);
  }
}

/// Writes what has come and closes the file; the event `stopped` says when that is done.
void LegRecordings::end(Recording& recording) {
  recording.leg->set_tap(nullptr);
  recording.live->stop();
  services_.reaper->bury(std::move(recording.live));
}

boost::json::object LegRecordings::describe(const std::string& output) const {
  const auto found = recordings_.find(output);
  if (found == recordings_.end()) return {};
  auto out = describe_output(*found->second.live, output);
  out["leg"] = found->second.leg->id();
  return out;
}

void LegRecordings::describe(boost::json::array& outputs) const {
  for (const auto& [id, recording] : recordings_) outputs.push_back(describe(id));
}

}  // namespace partyline::gateway
