// FrameAssembler: video packets in sequence → whole pictures that can be decoded. A picture ends with the marker bit or
// where the timestamp changes; one that misses a packet is dropped, never delivered in part. Nothing is delivered
// before the first keyframe, and nothing that refers to a lost picture (Decodability): the first such picture is still
// handed on, flagged, so that whoever shows the stream knows why it stands still, and a keyframe is wished for. Where
// none is whole for half a second, nothing will tell whether it matters, and one is wished for as well.
//
// Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/frame.hpp"
#include "rtp/jitter/decodability.hpp"
#include "rtp/jitter/reorder_buffer.hpp"
#include "rtp/payload/h264.hpp"
#include "rtp/payload/vp8.hpp"

namespace partyline::rtp {

class FrameAssembler {
 public:
  struct Picture {
    core::Codec codec = core::Codec::h264;
    core::Buffer buffer;
    int64_t rtp_time = 0;
    core::TimePoint arrival;
    bool keyframe = false, after_loss = false;
  };
  struct Drops {
    uint64_t broken = 0, before_keyframe = 0, without_parameter_sets = 0, undecodable = 0;
  };

  /// Appends the pictures that this packet completes (two at most). `lost`: how many packets before it are lost for
  /// good.
  void add(const VideoPacket& packet, int64_t lost, std::vector<Picture>& out);
  /// Another source: waits for a keyframe again.
  void restart();
  /// Parameter sets from SDP: good until others come in band, and again after restart().
  void set_parameter_sets(const std::vector<std::vector<uint8_t>>& sets);
  /// What is being put together is a keyframe, as far as one can see.
  bool collecting_keyframe() const { return collecting_ && info_.keyframe; }
  /// True once after something was lost or could not be decoded.
  bool take_keyframe_wish() { return std::exchange(keyframe_wish_, false); }
  /// True once after a keyframe of which packets are lost.
  bool take_broken_keyframe() { return std::exchange(broken_keyframe_, false); }
  /// Where decoding could go on if everything that `buffer` still misses before it stayed lost.
  struct ResumePoint {
    int64_t sequence = 0;
    bool keyframe = false;  ///< complete; else a picture that needs nothing of what is missing
  };
  std::optional<ResumePoint> find_resume_point(const ReorderBuffer& buffer) const;
  const Drops& drops() const { return drops_; }

 private:
  void begin(const VideoPacket& packet);
  void finish(std::vector<Picture>& out);
  void deliver(core::Buffer buffer, bool keyframe, std::vector<Picture>& out);
  void abandon();
  void note(const PictureInfo& info);
  bool collect(const VideoPacket& packet);
  void forget_packets();
  PictureInfo info_of(const VideoPacket& packet) const;

  h264::Depacketizer h264_;
  vp8::Depacketizer vp8_;
  std::vector<std::vector<uint8_t>> parameter_sets_;  ///< from SDP
  Decodability decodability_;
  core::Codec codec_ = core::Codec::h264;
  bool collecting_ = false, broken_ = false;
  bool start_unsure_ = false;  ///< a gap came before: the next packet may be the middle of a picture
  bool left_out_ = false;      ///< something since the last delivered picture
  bool had_keyframe_ = false, keyframe_wish_ = false, broken_keyframe_ = false;
  bool told_ = false;          ///< the picture that says "not decodable from here" was handed on
  bool sets_in_band_ = false;  ///< the last keyframe brought its parameter sets along
  bool start_lost_ = false;    ///< packets right before the picture being collected are lost
  PictureInfo info_;           ///< of the picture being collected
  int64_t lost_ = 0;           ///< packets since the last judged picture
  int64_t judged_ = 0;         ///< its RTP time
  int64_t rtp_time_ = 0;
  core::TimePoint arrival_;
  std::optional<core::TimePoint> none_whole_since_;
  Drops drops_;
};

}  // namespace partyline::rtp
