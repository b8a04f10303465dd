// Decodability: which pictures of a stream can be decoded after others were lost. A picture that nobody refers to
// (H.264 nal_ref_idc 0, VP8's N bit, an upper temporal layer) may be missing without harm; without anything else
// missing, that shows in what comes next:
//
//   H.264  frame_num   5 (ref)   6 (not)   6 (ref)   7            lost 6 (not): 5, 6 follow each other all the same
//   VP8    TL0PICIDX   8 (T0)    8 (T2)    8 (T1)    9 (T0)       lost T2: the base goes on, T2 waits for its Y bit
//
// Where a sender gives no such hint every loss is one of a reference. Thread: plain value. Sources: H.264 §7.4.3,
// RFC 7741 §4.2.
#pragma once

#include <cstdint>
#include <optional>

#include "rtp/payload/picture_info.hpp"

namespace partyline::rtp {

class Decodability {
 public:
  enum class Verdict {
    decodable,
    layer_broken,  ///< of an upper layer whose chain is broken: leave it out, nothing else suffers
    undecodable,   ///< nothing can be decoded until a keyframe
  };
  /// A whole picture, in decoding order. `lost_packets`: how many before it are lost for good; `ticks`: RTP time since
  /// the picture before.
  Verdict judge(const PictureInfo& picture, int64_t lost_packets, int64_t ticks);
  /// A picture of which something arrived and something is lost.
  void on_broken(const PictureInfo& picture);
  /// True when a keyframe is needed.
  bool broken() const { return !chain_; }
  void restart() { *this = {}; }

 private:
  bool nothing_referred_to(const PictureInfo& picture, int64_t lost_packets, int64_t ticks) const;
  Verdict judge_layer(const PictureInfo& picture, bool lost);

  bool chain_ = false;            ///< from a keyframe up to the last picture, all references were there
  bool has_disposables_ = false;  ///< the sender does make pictures that nobody refers to
  PictureInfo last_;              ///< in decoding order, shown or known to be disposable
  uint8_t layers_ = 0;            ///< bit t: upper layer t's chain is whole
};

}  // namespace partyline::rtp
