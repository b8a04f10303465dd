// One member's video input: the bounded box its frames go into, its decoder on a strand of its own, and the pictures
// that wait for the tick. The glue between SourceLogic, a VideoDecoder and PictureQueue.
//
// Thread: every method from any; decoding on the strand. Feedback is called without a lock held.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "core/frame.hpp"
#include "core/picture_worth.hpp"
#include "mixer/codec/video_decoder.hpp"
#include "mixer/video/freeze_meter.hpp"
#include "mixer/video/picture_queue.hpp"
#include "mixer/video/source_logic.hpp"
#include "mixer/video/video_core.hpp"
#include "mixer/video/video_room.hpp"

namespace partyline::mixer {

class VideoSource final : public PictureFeed, public std::enable_shared_from_this<VideoSource> {
 public:
  explicit VideoSource(const boost::asio::any_io_executor& pool);

  void push(const core::EncodedFrame& frame);
  /// A frame went on to who looks at it as it is: freezes are seen there, too.
  void note_passed(core::TimePoint now);
  void set_feedback(std::shared_ptr<core::MediaFeedback> feedback);
  void set_playout_delay(core::Duration delay);
  /// Packets came, whether a picture comes of them or not.
  void note_packets(core::TimePoint last);
  VideoMemberStats stats() const;
  /// For somebody else who decodes its frames. Not merged with wishes of our own.
  void request_keyframe();

  void set_wanted(bool wanted, core::TimePoint now) override;
  void set_shown_size(core::VideoSize size) override;
  std::optional<Picture> take_due(core::TimePoint now, core::Duration half_frame) override;
  std::optional<core::TimePoint> last_sent() const override;
  void note_pause() override;

 private:
  void drain();  // strand
  DecodeStatus decode(const SourceLogic::Work& work, Picture& picture);
  void wake();  // mutex_ held
  void ask_if_due(core::TimePoint now);

  boost::asio::any_io_executor strand_;
  mutable std::mutex mutex_;  // held for queue operations only, never while decoding
  SourceLogic logic_;
  PictureQueue pictures_;
  std::shared_ptr<core::MediaFeedback> feedback_;
  VideoMemberStats stats_;
  FreezeMeter freezes_;
  bool scheduled_ = false;
  std::optional<core::TimePoint> last_sent_;
  core::Bitrate wish_ = core::kMostPictureWorth;  ///< of the size it is shown at
  uint64_t epoch_ = 0;                            // grows when pictures in flight have become unwanted
  // The strand's own.
  std::unique_ptr<VideoDecoder> decoder_;
  core::Codec decoder_codec_ = core::Codec::h264;
};

}  // namespace partyline::mixer
