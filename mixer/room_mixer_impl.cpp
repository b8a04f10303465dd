#include "mixer/room_mixer_impl.hpp"

#include <algorithm>
#include <boost/asio/strand.hpp>
#include <cmath>

#include "core/counters.hpp"

namespace partyline::mixer {
namespace {
constexpr double kLeastGain = -60;  // dB; and below it: nothing
constexpr double kMostGain = 24;    // dB
constexpr size_t kNotes = 4096;

core::Counter& dropped_notes() {
  static core::Counter& counter = core::counter("partyline_mixer_speech_notes_dropped_total");
  return counter;
}
}  // namespace

SpeechRelay::SpeechRelay(const boost::asio::any_io_executor& pool, std::shared_ptr<VideoRoom> video)
    : notes_(
          core::Mailbox<Note>::create(boost::asio::make_strand(pool), kNotes, [video = std::move(video)](Note& note) {
            if (note.speech) video->set_speech(note.member, *note.speech);
            if (note.delay) video->set_playout_delay(note.member, *note.delay);
            if (note.self_muted) video->set_self_muted(note.member, *note.self_muted);
          })) {
  dropped_notes();
}

void SpeechRelay::on_speech(uint64_t member, Speech speech) {
  if (!notes_->push({member, speech, {}, {}})) dropped_notes().add();
}

void SpeechRelay::on_playout_delay(uint64_t member, core::Duration delay) {
  if (!notes_->push({member, {}, delay, {}})) dropped_notes().add();
}

void SpeechRelay::on_self_muted(uint64_t member, bool muted) {
  if (!notes_->push({member, {}, {}, muted})) dropped_notes().add();
}

void RoomParts::remove_output(OutputId output) {
  if (!audio->remove_output(output)) video->remove_output(output);
}

// ---- Member

MemberImpl::MemberImpl(std::shared_ptr<RoomParts> room, const MemberConfig& config)
    : room_(std::move(room)),
      id_(room_->next_member.fetch_add(1)),
      source_(room_->audio->add_source(id_)),
      audio_input_(*room_->audio, source_),
      video_input_(*room_->video, id_) {
  room_->video->add_tile(id_, config.name, config.visible);
  if (config.presenting) room_->video->set_presenting(id_, true);
  room_->members.fetch_add(1);
}

MemberImpl::~MemberImpl() {
  for (const OutputId output : outputs_) room_->remove_output(output);
  room_->audio->remove_source(id_);
  room_->video->remove_tile(id_);
  room_->members.fetch_sub(1);
}

void MemberImpl::set_video_feedback(std::shared_ptr<core::MediaFeedback> feedback) {
  room_->video->set_feedback(id_, std::move(feedback));
}

void MemberImpl::note_video_packets(core::TimePoint last) {
  room_->video->note_packets(id_, last);
}

void MemberImpl::set_name(std::string name) {
  room_->video->set_name(id_, name);
}

void MemberImpl::set_video_expected(bool expected) {
  room_->video->set_video_expected(id_, expected);
}

void MemberImpl::set_muted(bool muted) {
  source_->set_muted(muted);
  room_->audio->replan();
  room_->video->set_audio_muted(id_, muted);
}

void MemberImpl::set_video_muted(bool muted) {
  room_->video->set_video_muted(id_, muted);
}

void MemberImpl::set_pinned(bool pinned) {
  room_->video->set_pinned(id_, pinned);
}

void MemberImpl::set_gain_db(double gain) {
  if (std::isnan(gain)) return;
  source_->set_gain(gain < kLeastGain ? 0.0F : static_cast<float>(std::pow(10.0, std::min(gain, kMostGain) / 20)));
  room_->audio->replan();
}

void MemberImpl::set_voice_processing(const VoiceProcessing& wanted) {
  source_->set_processing(wanted);
  room_->audio->replan();
}

core::Result<OutputId> MemberImpl::add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) {
  const OutputId id = room_->next_output.fetch_add(1);
  if (auto added = room_->audio->add_output(id, id_, format, std::move(sink)); !added) return added.error();
  const std::lock_guard lock(mutex_);
  outputs_.push_back(id);
  return id;
}

core::Result<OutputId> MemberImpl::add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink) {
  const OutputId id = room_->next_output.fetch_add(1);
  if (auto added = room_->video->add_output(id, rendition, std::move(sink)); !added) return added.error();
  const std::lock_guard lock(mutex_);
  outputs_.push_back(id);
  return id;
}

void MemberImpl::remove_output(OutputId output) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(outputs_, output) == 0) return;
  }
  room_->remove_output(output);
}

MemberStats MemberImpl::stats() const {
  const AudioSourceStats audio = source_->stats();
  MemberStats stats;
  stats.speaking = audio.speaking;
  stats.self_muted = audio.self_muted;
  stats.audio_level_dbov = audio.level_dbov;
  stats.audio_frames = audio.frames;
  stats.audio_concealed_ms = audio.concealed_ms;
  stats.audio_late_frames = audio.late_frames;
  stats.audio_decode_errors = audio.decode_errors;
  stats.audio_quiet_ms = audio.quiet_ms;
  stats.audio_stretched = audio.stretched;
  stats.audio_fec_recovered = audio.fec_recovered;
  stats.audio_red_recovered = audio.red_recovered;
  stats.playout_delay_ms = audio.buffered_ms;
  stats.loudness_gain_db = audio.gain_db;
  stats.echo_ms = audio.echo_ms;
  const VideoMemberStats video = room_->video->member_stats(id_);
  stats.video_frames_decoded = video.frames_decoded;
  stats.video_decode_errors = video.decode_errors;
  stats.video_frames_dropped = video.frames_dropped;
  stats.video_freezes = video.freezes;
  stats.video_frozen_ms = video.frozen_ms;
  stats.video_size = video.size;
  stats.last_picture = video.last_picture;
  return stats;
}

// ---- Room

RoomMixerImpl::RoomMixerImpl(std::shared_ptr<EngineParts> engine, const RoomConfig& config)
    : room_(std::make_shared<RoomParts>()) {
  room_->engine = std::move(engine);
  room_->video = VideoRoom::create(room_->engine->pool, config, room_->engine->config);
  room_->relay = std::make_shared<SpeechRelay>(room_->engine->pool.executor(), room_->video);
  room_->audio = std::make_shared<AudioRoom>(config.opus_bitrate, room_->relay);
  room_->audio->set_comfort_noise(config.comfort_noise_dbov);
  if (config.stereo) room_->audio->make_stereo();
  if (room_->engine->config.pass_through) {
    room_->audio->pass_through();
    room_->video->pass_through([audio = std::weak_ptr(room_->audio)](bool mixes) {
      if (const auto room = audio.lock()) room->allow_passing(!mixes);
    });
  }
  room_->engine->audio.add(room_->audio);
  room_->engine->governor->add(config.name, room_->video, config.expects_pictures);
}

RoomMixerImpl::~RoomMixerImpl() {
  room_->audio->close();
  room_->engine->audio.remove(room_->audio);
  room_->engine->governor->remove(room_->video);
  room_->video->stop();
}

std::unique_ptr<Member> RoomMixerImpl::add_member(MemberConfig config) {
  return std::make_unique<MemberImpl>(room_, config);
}

core::Result<OutputId> RoomMixerImpl::add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) {
  const OutputId id = room_->next_output.fetch_add(1);
  if (auto added = room_->audio->add_output(id, std::nullopt, format, std::move(sink)); !added) return added.error();
  return id;
}

core::Result<OutputId> RoomMixerImpl::add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                                                       VideoOutputTraits traits) {
  const OutputId id = room_->next_output.fetch_add(1);
  if (auto added = room_->video->add_output(id, rendition, std::move(sink), traits); !added) return added.error();
  return id;
}

void RoomMixerImpl::allow_pass_through(OutputId output, const Member* viewer, PassLimits limits) {
  const auto* const member = static_cast<const MemberImpl*>(viewer);  // there are no others
  room_->video->allow_pass_through(output, member ? std::optional(member->id()) : std::nullopt, limits);
}

RoomStats RoomMixerImpl::stats() const {
  const AudioRoomStats audio = room_->audio->stats();
  const VideoStats video = room_->video->stats();
  RoomStats stats;
  stats.members = room_->members.load();
  stats.audio_encoders = audio.encoders;
  stats.audio_outputs = audio.outputs;
  stats.audio_passed = audio.passed;
  stats.video_passed = video.passed;
  stats.audio_ticks = audio.ticks;
  stats.audio_ticks_late = audio.ticks_late;
  stats.video_encoders = video.encoders;
  stats.video_outputs = video.outputs;
  stats.video_ticks = video.ticks;
  stats.video_ticks_late = video.ticks_late;
  stats.frames_encoded = audio.packets_encoded + video.frames_encoded;
  stats.mixing = audio.outputs > 0 || video.outputs > 0;
  stats.pool_seconds = static_cast<double>(room_->video->progress().spent_ns) / 1e9;
  return stats;
}

}  // namespace partyline::mixer
