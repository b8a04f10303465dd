#include "gateway/outputs/live_output.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "gateway/outputs/av_log.hpp"
#include "gateway/outputs/output_timeline.hpp"

namespace partyline::gateway {

namespace {

using core::Clock;
using core::Result;
using core::TimePoint;
using namespace std::chrono_literals;

constexpr core::Duration poll = 200ms;          // the longest sleep of the thread while live
constexpr core::Duration keyframe_repeat = 1s;  // between two wishes for the same keyframe
constexpr core::Duration goodbye = 1s;          // what stop() gives a connection to end properly
constexpr core::Duration destructor_wait = 1500ms;

class QueueSink final : public core::FrameSink {
 public:
  QueueSink(std::shared_ptr<FrameQueue> queue, core::Codec codec) : queue_(std::move(queue)), codec_(codec) {}
  void push(const core::EncodedFrame& frame) override {
    static core::Counter& wrong = core::counter("partyline_output_dropped_frames_total", "reason=\"wrong_codec\"");
    if (frame.codec == codec_) {
      queue_->push(frame);
    } else {
      wrong.add();
    }
  }

 private:
  std::shared_ptr<FrameQueue> queue_;
  core::Codec codec_;
};

}  // namespace

/// What the object, its thread and its sinks have in common; lives as long as the last of them.
struct LiveOutput::Shared : std::enable_shared_from_this<LiveOutput::Shared> {
  Shared(LiveOutputConfig configuration, OutputTarget where, boost::asio::any_io_executor runs_on, OnChange tell)
      : config(std::move(configuration)),
        target(std::move(where)),
        executor(std::move(runs_on)),
        on_change(std::move(tell)),
        queue(std::make_shared<FrameQueue>(config.queue)) {}

  void run();
  void one_connection();
  std::optional<core::EncodedFrame> first_frame(std::string& why);
  Result<> stream(Muxer& connection, core::EncodedFrame frame);
  Result<> write(Muxer& connection, OutputTimeline& timeline, const core::EncodedFrame& frame);
  void wait_until_due();
  void ask_for_keyframe(bool again);
  void publish();
  void count_drops();

  const LiveOutputConfig config;
  const OutputTarget target;
  const boost::asio::any_io_executor executor;
  const OnChange on_change;
  const std::shared_ptr<FrameQueue> queue;

  // Thread's own.
  std::optional<OutputStateMachine> machine;
  TimePoint keyframe_asked{};
  uint64_t drops_counted = 0;

  std::atomic<bool> stopping{false}, listening{true};
  std::atomic<uint64_t> bytes{0}, frames{0};

  mutable std::mutex mutex;  // all below; held for copies only
  std::condition_variable changed;
  OutputStatus shown;
  std::shared_ptr<core::MediaFeedback> feedback;
  std::shared_ptr<Muxer> muxer;  // the connection under way, to be interrupted
  bool ended = false;
};

void LiveOutput::Shared::publish() {
  OutputStatus now;
  {
    const std::lock_guard lock(mutex);
    shown.state = machine->state();
    shown.since = machine->since();
    shown.error = machine->error();
    shown.reconnects = machine->reconnects();
    now = shown;
  }
  now.bytes = bytes;
  now.frames = frames;
  now.dropped = queue->dropped();
  if (now.state == OutputState::waiting) {
    core::log_warn("{} {} failed: {}; next attempt in {} s", config.log_context, target.shown, now.error,
                   std::chrono::duration_cast<std::chrono::seconds>(machine->due() - now.since).count());
  } else {
    core::log_info("{} {} is {}", config.log_context, target.shown, to_string(now.state));
  }
  if (!on_change || !listening) return;
  boost::asio::post(executor, [self = shared_from_this(), now] {
    if (self->listening) self->on_change(now);
  });
}

void LiveOutput::Shared::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 0);  // not the network thread's, which made this one
  const AvLogCapture log;
  machine.emplace(config.retry, Clock::now());
  while (!stopping) {
    one_connection();
    wait_until_due();
  }
  queue->close();
  machine->stop(Clock::now());
  publish();
  {
    const std::lock_guard lock(mutex);
    ended = true;
  }
  changed.notify_all();
}

void LiveOutput::Shared::one_connection() {
  static core::Counter& failures = core::counter("partyline_output_failures_total");
  const auto connection = std::make_shared<Muxer>(target, config.muxer);
  {
    const std::lock_guard lock(mutex);
    if (stopping) return;
    muxer = connection;
  }
  Result<> result = connection->connect();
  if (result) {
    std::string why;
    if (auto first = first_frame(why)) {
      result = stream(*connection, std::move(*first));
    } else {
      result = core::make_error(core::ErrorCode::unavailable, std::move(why));
    }
  }
  queue->close();
  count_drops();
  if (stopping) {
    if (Result<> done = connection->finish(); !done) {
      core::log_debug("{} {}: {}", config.log_context, target.shown, done.error().message);
    }
  } else if (!result) {
    failures.add();
    machine->failed(Clock::now(), result.error().message);
    publish();
  }
  const std::lock_guard lock(mutex);
  muxer.reset();
}

/// What the stream begins with: a picture that brings its parameter sets (or, without video, any sound).
std::optional<core::EncodedFrame> LiveOutput::Shared::first_frame(std::string& why) {
  const TimePoint give_up = Clock::now() + config.keyframe_deadline;
  queue->open(config.muxer.video);
  ask_for_keyframe(false);
  while (!stopping) {
    const TimePoint now = Clock::now();
    if (now > give_up) {
      why = config.muxer.video ? "the mixer sent no keyframe" : "the mixer sent no sound";
      return std::nullopt;
    }
    const auto frame = queue->pop(now + poll);
    if (!frame) {
      ask_for_keyframe(true);
      continue;
    }
    const bool video = core::kind_of(frame->codec) == core::MediaKind::video;
    if (!config.muxer.video || (video && frame->keyframe && !parameter_sets_of(frame->data).empty())) return frame;
    if (video) ask_for_keyframe(true);
  }
  why = "stopped";
  return std::nullopt;
}

Result<> LiveOutput::Shared::stream(Muxer& connection, core::EncodedFrame frame) {
  const auto sets = config.muxer.video ? parameter_sets_of(frame.data) : std::vector<uint8_t>{};
  if (Result<> begun = connection.begin(sets); !begun) return begun;
  OutputTimeline timeline(frame.capture);
  if (Result<> written = write(connection, timeline, frame); !written) return written;
  machine->connected(Clock::now());
  publish();
  while (!stopping) {
    const auto next = queue->pop(Clock::now() + poll);
    if (queue->wants_keyframe()) ask_for_keyframe(true);
    count_drops();
    if (!next) continue;
    if (Result<> written = write(connection, timeline, *next); !written) return written;
  }
  return {};
}

Result<> LiveOutput::Shared::write(Muxer& connection, OutputTimeline& timeline, const core::EncodedFrame& frame) {
  const auto time = timeline.stamp(frame);
  if (!time) return {};
  if (Result<> written = connection.write(frame, *time); !written) return written;
  bytes += frame.data.size();
  ++frames;
  return {};
}

void LiveOutput::Shared::wait_until_due() {
  std::unique_lock lock(mutex);
  while (!stopping && machine->state() == OutputState::waiting) {
    changed.wait_until(lock, machine->due());
    if (stopping || !machine->tick(Clock::now())) continue;
    lock.unlock();
    publish();
    return;
  }
}

/// `again`: only if the last wish is a while ago.
void LiveOutput::Shared::ask_for_keyframe(bool again) {
  if (!config.muxer.video) return;
  const TimePoint now = Clock::now();
  if (again && now - keyframe_asked < keyframe_repeat) return;
  std::shared_ptr<core::MediaFeedback> ask;
  {
    const std::lock_guard lock(mutex);
    ask = feedback;
  }
  if (!ask) return;
  keyframe_asked = now;
  ask->request_keyframe();
}

void LiveOutput::Shared::count_drops() {
  static core::Counter& overflow = core::counter("partyline_output_dropped_frames_total", "reason=\"overflow\"");
  const uint64_t dropped = queue->dropped();
  overflow.add(dropped - drops_counted);
  drops_counted = dropped;
}

Result<std::unique_ptr<LiveOutput>> LiveOutput::create(LiveOutputConfig config, boost::asio::any_io_executor executor,
                                                       OnChange on_change) {
  auto target = parse_output_url(config.url, config.file_directory);
  if (!target) return target.error();
  if (!config.muxer.audio && !config.muxer.video) {
    return core::make_error(core::ErrorCode::invalid, "an output needs audio, video or both");
  }
  auto shared =
      std::make_shared<Shared>(std::move(config), std::move(*target), std::move(executor), std::move(on_change));
  shared->shown.since = Clock::now();
  std::unique_ptr<LiveOutput> output(new LiveOutput(shared));
  // The thread keeps what it needs alive, so it may be left behind when the resolver hangs; see the destructor.
  std::thread([shared] { shared->run(); }).detach();
  return output;
}

LiveOutput::LiveOutput(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

LiveOutput::~LiveOutput() {
  shared_->listening = false;
  stop();
  std::unique_lock lock(shared_->mutex);
  if (!shared_->changed.wait_for(lock, destructor_wait, [this] { return shared_->ended; })) {
    core::log_warn("{} {} still waits for the network; it is left behind", shared_->config.log_context,
                   shared_->target.shown);
  }
}

void LiveOutput::stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->stopping.exchange(true)) return;
    if (shared_->muxer) shared_->muxer->interrupt(goodbye);
  }
  shared_->changed.notify_all();
  shared_->queue->wake();
}

std::shared_ptr<core::FrameSink> LiveOutput::audio_sink() {
  return std::make_shared<QueueSink>(shared_->queue, core::Codec::aac);
}

std::shared_ptr<core::FrameSink> LiveOutput::video_sink() {
  return std::make_shared<QueueSink>(shared_->queue, core::Codec::h264);
}

void LiveOutput::set_feedback(std::shared_ptr<core::MediaFeedback> feedback) {
  {
    const std::lock_guard lock(shared_->mutex);
    std::swap(shared_->feedback, feedback);
  }
  shared_->queue->wake();  // a wish that found nobody is said now
  // The old one, if it was the last of its kind, dies here and not under the lock.
}

OutputStatus LiveOutput::status() const {
  OutputStatus status;
  {
    const std::lock_guard lock(shared_->mutex);
    status = shared_->shown;
  }
  status.bytes = shared_->bytes;
  status.frames = shared_->frames;
  status.dropped = shared_->queue->dropped();
  return status;
}

const std::string& LiveOutput::shown_url() const {
  return shared_->target.shown;
}

}  // namespace partyline::gateway
