#include "mixer/video/video_source.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <utility>

#include "core/counters.hpp"
#include "core/picture_worth.hpp"

namespace partyline::mixer {
namespace {

constexpr int kFramesARun = 4;  // then others get their turn on the pool

core::Counter& decode_errors() {
  static core::Counter& counter = core::counter("partyline_mixer_video_decode_errors_total");
  return counter;
}

}  // namespace

VideoSource::VideoSource(const boost::asio::any_io_executor& pool) : strand_(boost::asio::make_strand(pool)) {}

void VideoSource::wake() {
  if (scheduled_) return;
  scheduled_ = true;
  boost::asio::post(strand_, [self = shared_from_this()] { self->drain(); });
}

void VideoSource::push(const core::EncodedFrame& frame) {
  const core::TimePoint now = core::Clock::now();
  {
    const std::lock_guard lock(mutex_);
    last_sent_ = now;
    logic_.push(frame, now);
    if (logic_.has_work()) wake();
  }
  ask_if_due(now);
}

void VideoSource::note_passed(core::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!logic_.wanted()) freezes_.on_picture(now);  // else it is counted where it is decoded
}

void VideoSource::set_feedback(std::shared_ptr<core::MediaFeedback> feedback) {
  core::Bitrate wish;
  std::shared_ptr<core::MediaFeedback> before = feedback;  // its destructor runs without the lock
  {
    const std::lock_guard lock(mutex_);
    feedback_.swap(before);
    wish = wish_;
  }
  if (feedback && wish != core::kMostPictureWorth) feedback->set_target_bitrate(wish);
  // The strand may have told another one meanwhile: the last word is the newest wish.
  while (feedback) {
    {
      const std::lock_guard lock(mutex_);
      if (wish_ == wish || feedback_ != feedback) break;
      wish = wish_;
    }
    feedback->set_target_bitrate(wish);
  }
  ask_if_due(core::Clock::now());
}

void VideoSource::request_keyframe() {
  std::shared_ptr<core::MediaFeedback> feedback;
  {
    const std::lock_guard lock(mutex_);
    feedback = feedback_;
    if (feedback) ++stats_.keyframe_requests;
  }
  if (feedback) feedback->request_keyframe();
}

void VideoSource::set_playout_delay(core::Duration delay) {
  const std::lock_guard lock(mutex_);
  pictures_.set_delay(delay);
}

void VideoSource::note_packets(core::TimePoint last) {
  const std::lock_guard lock(mutex_);
  if (!last_sent_ || last > *last_sent_) last_sent_ = last;
}

std::optional<core::TimePoint> VideoSource::last_sent() const {
  const std::lock_guard lock(mutex_);
  return last_sent_;
}

void VideoSource::note_pause() {
  const std::lock_guard lock(mutex_);
  freezes_.restart();
}

VideoMemberStats VideoSource::stats() const {
  const std::lock_guard lock(mutex_);
  VideoMemberStats stats = stats_;
  stats.freezes = freezes_.freezes();
  stats.frozen_ms = freezes_.frozen_ms();
  stats.frames_dropped = logic_.drops().total() + pictures_.dropped();
  return stats;
}

void VideoSource::set_wanted(bool wanted, core::TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (wanted == logic_.wanted()) return;
    logic_.set_wanted(wanted, now);
    freezes_.restart();
    ++epoch_;
    pictures_.clear();
    wake();  // to decode what was kept, or to close the decoder
  }
  ask_if_due(now);
}

void VideoSource::set_shown_size(core::VideoSize size) {
  std::shared_ptr<core::MediaFeedback> feedback;
  const core::Bitrate wish = core::picture_worth(size);
  {
    const std::lock_guard lock(mutex_);
    if (wish == wish_) return;
    wish_ = wish;
    feedback = feedback_;
  }
  if (feedback) feedback->set_target_bitrate(wish);
}

std::optional<Picture> VideoSource::take_due(core::TimePoint now, core::Duration half_frame) {
  ask_if_due(now);
  const std::lock_guard lock(mutex_);
  return pictures_.take_due(now, half_frame);
}

void VideoSource::ask_if_due(core::TimePoint now) {
  std::shared_ptr<core::MediaFeedback> feedback;
  {
    const std::lock_guard lock(mutex_);
    if (!feedback_ || !logic_.poll_request(now)) return;
    feedback = feedback_;
    ++stats_.keyframe_requests;
  }
  feedback->request_keyframe();
}

DecodeStatus VideoSource::decode(const SourceLogic::Work& work, Picture& picture) {
  if (!decoder_ || decoder_codec_ != work.frame.codec) {
    auto made = make_video_decoder(work.frame.codec);
    if (!made) return DecodeStatus::error;
    decoder_ = std::move(*made);
    decoder_codec_ = work.frame.codec;
  } else if (work.restart) {
    decoder_->flush();
  }
  return decoder_->decode(work.frame, picture);
}

void VideoSource::drain() {
  for (int i = 0; i < kFramesARun; ++i) {
    std::optional<SourceLogic::Work> work;
    uint64_t epoch = 0;
    {
      const std::lock_guard lock(mutex_);
      work = logic_.next();
      epoch = epoch_;
      if (!work) {
        scheduled_ = false;
        if (!logic_.wanted()) decoder_.reset();
        return;
      }
    }
    Picture picture;
    const DecodeStatus status = decode(*work, picture);
    const core::TimePoint now = core::Clock::now();
    {
      const std::lock_guard lock(mutex_);
      if (status == DecodeStatus::error) {
        ++stats_.decode_errors;
        decode_errors().add();
        logic_.on_error(now);
      } else if (status == DecodeStatus::picture) {
        ++stats_.frames_decoded;
        stats_.size = picture.view.size;
        stats_.last_picture = now;
        freezes_.on_picture(now);
        logic_.on_decoded(work->frame.keyframe);
        if (epoch == epoch_) pictures_.push(std::move(picture), now);
      }
    }
    ask_if_due(now);
  }
  const std::lock_guard lock(mutex_);
  scheduled_ = false;
  wake();
}

}  // namespace partyline::mixer
