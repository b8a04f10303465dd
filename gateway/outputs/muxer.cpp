#include "gateway/outputs/muxer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/log.hpp"
#include "gateway/outputs/av_log.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
}

namespace partyline::gateway {

namespace {

using core::ErrorCode;
using core::Result;

constexpr AVRational microseconds{1, 1'000'000};

struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
using Packet = std::unique_ptr<AVPacket, FreePacket>;

class Dictionary {
 public:
  Dictionary() = default;
  ~Dictionary() { av_dict_free(&entries_); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  void set(const char* key, const std::string& value) { av_dict_set(&entries_, key, value.c_str(), 0); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

std::string text_of(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

int64_t ticks(core::TimePoint time) {
  return time.time_since_epoch().count();
}

}  // namespace

Muxer::Muxer(OutputTarget target, MuxerConfig config)
    : target_(std::move(target)),
      config_(std::move(config)),
      deadline_(ticks(core::TimePoint::max())),
      last_deadline_(ticks(core::TimePoint::max())) {}

Muxer::~Muxer() {
  hang_up();
}

int Muxer::asked_to_stop(void* self) {
  auto& muxer = *static_cast<Muxer*>(self);
  const int64_t now = ticks(core::Clock::now());
  if (muxer.interrupted_ && muxer.connecting_) return 1;
  return now > muxer.deadline_ || now > muxer.last_deadline_ ? 1 : 0;
}

void Muxer::interrupt(core::Duration grace) {
  last_deadline_ = ticks(core::Clock::now() + grace);
  interrupted_ = true;
}

core::Error Muxer::failure(std::string_view what, int code) {
  const std::string complaint = AvLogCapture::take();
  if (interrupted_) return core::make_error(ErrorCode::cancelled, fmt::format("{}: stopped", what));
  if (code == AVERROR_EXIT || ticks(core::Clock::now()) > deadline_) {
    return core::make_error(ErrorCode::timeout, fmt::format("{}: the server took too long", what));
  }
  std::string words = fmt::format("{}: {}", what, text_of(code));
  // Its own words say more ("Server error: Already publishing"), unless they quote the stream's key.
  const std::string_view url = target_.url;
  const std::string_view key = url.substr(url.find_last_of("/=") + 1);
  if (!complaint.empty() && (key.empty() || complaint.find(key) == std::string::npos)) {
    words += " (" + core::printable(complaint) + ")";
  } else if (connecting_ && !target_.file && (code == AVERROR(EIO) || code == AVERROR_EOF)) {
    words += " (the server closed the connection; a stream key that is wrong or in use looks like this, too)";
  }
  return core::make_error(ErrorCode::unavailable, std::move(words));
}

Result<std::string> Muxer::destination() {
  if (!target_.file) return target_.url;
  auto claimed = claim_file(target_.url);
  if (!claimed) return claimed.error().with_context("cannot make the file");
  file_ = std::move(*claimed);
  file_is_empty_ = true;
  return "file:" + file_;
}

Result<> Muxer::connect() {
  AvLogCapture::take();
  const int allocated = avformat_alloc_output_context2(&context_, nullptr, target_.muxer.c_str(), target_.url.c_str());
  if (allocated < 0) return failure("cannot prepare the stream", allocated);
  context_->interrupt_callback = {&Muxer::asked_to_stop, this};
  context_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
  context_->max_interleave_delta = 500'000;  // µs to wait for the other kind; a silent one must not hold this one up

  Dictionary options;
  options.set("protocol_whitelist", target_.protocols);
  if (target_.tls) {
    options.set("tls_verify", config_.verify_tls ? "1" : "0");
    if (config_.verify_tls) options.set("ca_file", config_.ca_file);
  }
  if (target_.url.starts_with("rtmp")) {
    options.set("tcp_nodelay", "1");
    options.set("send_buffer_size", "262144");  // about a second of video: a stalled server is noticed early
  }
  const auto url = destination();
  if (!url) return url.error();
  deadline_ = ticks(core::Clock::now() + config_.connect_deadline);
  connecting_ = true;
  const int opened =
      avio_open2(&context_->pb, url->c_str(), AVIO_FLAG_WRITE, &context_->interrupt_callback, options.get());
  const core::Error error = opened < 0 ? failure("cannot connect", opened) : core::Error{};
  connecting_ = false;
  if (opened < 0) return error;
  return {};
}

Result<> Muxer::add_streams(const MuxerTracks& tracks) {
  if (tracks.video) {
    video_ = avformat_new_stream(context_, nullptr);
    if (!video_) return failure("cannot add the video", AVERROR(ENOMEM));
    if (Result<> known = describe_video(*tracks.video, *video_->codecpar); !known) return known;
    video_->codecpar->bit_rate = config_.video_bitrate.bits_per_second;
    if (config_.frames_per_second > 0) video_->avg_frame_rate = {config_.frames_per_second, 1};
    video_->time_base = {1, 90'000};
    parameter_sets_ = tracks.video->parameter_sets;
  }
  if (tracks.audio) {
    audio_ = avformat_new_stream(context_, nullptr);
    if (!audio_) return failure("cannot add the audio", AVERROR(ENOMEM));
    if (Result<> known = describe_audio(*tracks.audio, *audio_->codecpar); !known) return known;
    if (tracks.audio == core::Codec::aac) audio_->codecpar->bit_rate = config_.audio_bitrate.bits_per_second;
    audio_->time_base = {1, 48'000};
  }
  return {};
}

Result<> Muxer::begin(const MuxerTracks& tracks) {
  AvLogCapture::take();
  if (Result<> added = add_streams(tracks); !added) return added;
  Dictionary options;
  if (target_.muxer == "flv") options.set("flvflags", "no_duration_filesize");
  // Readable up to the last fragment even if the process dies. The index waits for the first fragment, because only
  // then it knows how far sound and picture begin apart.
  if (target_.muxer == "mp4") options.set("movflags", "frag_keyframe+delay_moov+default_base_moof");
  if (target_.muxer == "matroska") options.set("cluster_time_limit", "1000");  // ms; one is kept back until it is whole
  deadline_ = ticks(core::Clock::now() + config_.write_deadline);
  const int written = avformat_write_header(context_, options.get());
  if (written < 0) return failure("cannot begin the stream", written);
  begun_ = true;
  file_is_empty_ = false;
  return {};
}

Result<> Muxer::write(const core::EncodedFrame& frame, int64_t time) {
  AVStream* stream = core::kind_of(frame.codec) == core::MediaKind::video ? video_ : audio_;
  if (!stream) return {};
  const Packet packet(av_packet_alloc());
  if (!packet || av_new_packet(packet.get(), static_cast<int>(frame.data.size())) < 0) {
    return failure("cannot write", AVERROR(ENOMEM));
  }
  std::memcpy(packet->data, frame.data.data(), frame.data.size());
  packet->stream_index = stream->index;
  packet->pts = packet->dts = time;
  packet->duration = stream == audio_                ? audio_length(frame)
                     : config_.frames_per_second > 0 ? 1'000'000 / config_.frames_per_second
                                                     : 0;
  av_packet_rescale_ts(packet.get(), microseconds, stream->time_base);
  if (stream == audio_ || frame.keyframe) packet->flags |= AV_PKT_FLAG_KEY;
  if (frame.codec == core::Codec::h264 && frame.keyframe) {
    const std::vector<uint8_t> sets = parameter_sets_of(frame.data);
    if (!sets.empty() && sets != parameter_sets_) {
      uint8_t* side = av_packet_new_side_data(packet.get(), AV_PKT_DATA_NEW_EXTRADATA, sets.size());
      if (side) std::memcpy(side, sets.data(), sets.size());
      parameter_sets_ = sets;
    }
  }
  AvLogCapture::take();
  deadline_ = ticks(core::Clock::now() + config_.write_deadline);
  const int written = av_interleaved_write_frame(context_, packet.get());
  if (written < 0) return failure("cannot write", written);
  return {};
}

Result<> Muxer::finish() {
  if (!context_) return {};
  AvLogCapture::take();
  deadline_ = ticks(core::Clock::now() + config_.close_deadline);
  const int written = begun_ ? av_write_trailer(context_) : 0;
  begun_ = false;
  const core::Error error = written < 0 ? failure("cannot end the stream", written) : core::Error{};
  hang_up();
  if (written < 0) return error;
  return {};
}

void Muxer::hang_up() {
  if (!context_) return;
  // What is left in buffers may go if it goes at once.
  deadline_ = ticks(core::Clock::now() + std::chrono::milliseconds(300));
  if (context_->pb) avio_closep(&context_->pb);
  if (std::exchange(file_is_empty_, false)) ::unlink(file_.c_str());
  avformat_free_context(context_);
  context_ = nullptr;
  audio_ = video_ = nullptr;
  begun_ = false;
}

}  // namespace partyline::gateway
