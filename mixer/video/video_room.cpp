#include "mixer/video/video_room.hpp"

#include <mutex>
#include <shared_mutex>
#include <utility>

#include "mixer/codec/video_encoder.hpp"
#include "mixer/video/video_room_impl.hpp"

namespace partyline::mixer {

VideoRoom::VideoRoom(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::shared_ptr<VideoRoom> VideoRoom::create(WorkerPool& pool, const RoomConfig& room, const EngineConfig& engine) {
  return std::shared_ptr<VideoRoom>(new VideoRoom(std::make_shared<Impl>(pool, room, engine)));
}

VideoRoom::~VideoRoom() {
  stop();
}

void VideoRoom::add_tile(uint64_t member, const std::string& name, bool visible) {
  auto source = std::make_shared<VideoSource>(impl_->decoding);
  {
    const std::unique_lock lock(impl_->sources_mutex);
    if (!impl_->sources.try_emplace(member, source).second) return;
  }
  impl_->on_strand([=](Impl& impl) { impl.logic.add_tile(member, name, visible, source); });
}

void VideoRoom::remove_tile(uint64_t member) {
  std::shared_ptr<VideoSource> source;
  {
    const std::unique_lock lock(impl_->sources_mutex);
    const auto found = impl_->sources.find(member);
    if (found == impl_->sources.end()) return;
    source = std::move(found->second);
    impl_->sources.erase(found);
  }
  source->set_feedback(nullptr);
  impl_->on_strand([member](Impl& impl) { impl.logic.remove_tile(member, core::Clock::now()); });
}

void VideoRoom::push(uint64_t member, const core::EncodedFrame& frame) {
  const auto source = impl_->source(member);
  if (source) source->push(frame);
  const auto now = core::Clock::now();
  if (impl_->board.route(member, frame, now) && source) source->note_passed(now);
}

void VideoRoom::set_name(uint64_t member, const std::string& name) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_name(member, name); });
}

void VideoRoom::set_video_expected(uint64_t member, bool expected) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_video_expected(member, expected); });
}

void VideoRoom::set_video_muted(uint64_t member, bool muted) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_video_muted(member, muted); });
}

void VideoRoom::set_pinned(uint64_t member, bool pinned) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_pinned(member, pinned); });
}

void VideoRoom::set_presenting(uint64_t member, bool presenting) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_presenting(member, presenting); });
}

void VideoRoom::set_audio_muted(uint64_t member, bool muted) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_audio_muted(member, muted); });
}

void VideoRoom::set_self_muted(uint64_t member, bool muted) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_self_muted(member, muted); });
}

void VideoRoom::set_speech(uint64_t member, Speech speech) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_speech(member, speech, core::Clock::now()); });
}

void VideoRoom::set_feedback(uint64_t member, std::shared_ptr<core::MediaFeedback> feedback) {
  if (const auto source = impl_->source(member)) source->set_feedback(std::move(feedback));
}

void VideoRoom::note_packets(uint64_t member, core::TimePoint last) {
  if (const auto source = impl_->source(member)) source->note_packets(last);
}

void VideoRoom::set_playout_delay(uint64_t member, core::Duration delay) {
  if (const auto source = impl_->source(member)) source->set_playout_delay(delay);
}

core::Result<> VideoRoom::add_output(OutputId id, VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                                     VideoOutputTraits traits) {
  if (auto checked = check_rendition(rendition); !checked) return checked;
  auto valve = std::make_shared<VideoValve>(std::move(sink));
  auto gate = std::make_shared<OutputGate>(valve);
  {
    const std::lock_guard lock(impl_->outputs_mutex);
    if (impl_->stopped) return core::make_error(core::ErrorCode::cancelled, "the room is closed");
    if (!impl_->outputs.try_emplace(id, Impl::Door{gate, valve}).second) {
      return core::make_error(core::ErrorCode::conflict, "an output of this id exists");
    }
  }
  impl_->on_strand([=](Impl& impl) {
    impl.board.add(id, rendition, gate, valve, traits, core::Clock::now());
    impl.start_ticking();
  });
  return {};
}

void VideoRoom::remove_output(OutputId id) {
  Impl::Door door;
  {
    const std::lock_guard lock(impl_->outputs_mutex);
    const auto found = impl_->outputs.find(id);
    if (found == impl_->outputs.end()) return;
    door = std::move(found->second);
    impl_->outputs.erase(found);
  }
  door.shut();
  impl_->on_strand([id](Impl& impl) { impl.board.remove(id); });
}

void VideoRoom::request_keyframe(OutputId id) {
  impl_->on_strand([id](Impl& impl) {
    if (!impl.board.request_keyframe(id, core::Clock::now())) impl.logic.request_keyframe(id);
  });
}

void VideoRoom::pass_through(std::function<void(bool)> on_mixing) {
  impl_->on_strand([on_mixing = std::move(on_mixing)](Impl& impl) mutable { impl.on_mixing = std::move(on_mixing); });
}

void VideoRoom::allow_pass_through(OutputId id, std::optional<uint64_t> viewer, PassLimits limits) {
  impl_->on_strand([=](Impl& impl) { impl.board.allow(id, viewer, limits, core::Clock::now()); });
}

void VideoRoom::set_economy(const Economy& economy) {
  impl_->on_strand([economy](Impl& impl) {
    // The frame that is waited for stays where it is; those after it come by the new interval.
    impl.origin += impl.frame * impl.logic.frame_interval();
    impl.frame = 0;
    impl.logic.set_economy(economy);
  });
}

void VideoRoom::set_output_target(OutputId id, core::Bitrate target) {
  impl_->on_strand([id, target](Impl& impl) { impl.logic.set_output_target(id, target); });
}

core::Result<> VideoRoom::set_layout(std::string layout) {
  if (!impl_->layouts->knows(layout)) return core::make_error(core::ErrorCode::invalid, "there is no such layout");
  impl_->on_strand([layout = std::move(layout)](Impl& impl) { impl.logic.set_layout(layout); });
  return {};
}

void VideoRoom::stop() {
  std::map<OutputId, Impl::Door> doors;
  {
    const std::lock_guard lock(impl_->outputs_mutex);
    if (std::exchange(impl_->stopped, true)) return;
    doors.swap(impl_->outputs);
  }
  for (const auto& [id, door] : doors) door.shut();
  impl_->on_strand([](Impl& impl) { impl.close(); });
}

VideoStats VideoRoom::stats() const {
  VideoStats stats;
  {
    const std::lock_guard lock(impl_->stats_mutex);
    stats = impl_->snapshot;
  }
  stats.frames_encoded = impl_->logic.totals()->frames.load();
  stats.keyframes_encoded = impl_->logic.totals()->keyframes.load();
  const std::shared_lock lock(impl_->sources_mutex);
  for (const auto& [member, source] : impl_->sources) stats.members[member] = source->stats();
  return stats;
}

VideoProgress VideoRoom::progress() const {
  const std::lock_guard lock(impl_->stats_mutex);
  return {impl_->snapshot.ticks, impl_->snapshot.ticks_late, impl_->spent->ns.load()};
}

VideoMemberStats VideoRoom::member_stats(uint64_t member) const {
  const std::shared_lock lock(impl_->sources_mutex);
  const auto found = impl_->sources.find(member);
  return found == impl_->sources.end() ? VideoMemberStats{} : found->second->stats();
}

}  // namespace partyline::mixer
