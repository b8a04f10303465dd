#include "gateway/outputs/live_output.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "gateway/outputs/av_log.hpp"
#include "gateway/outputs/file_fit.hpp"
#include "gateway/outputs/output_intake.hpp"
#include "gateway/outputs/output_timeline.hpp"

namespace partyline::gateway {

namespace {

using core::Clock;
using core::Result;
using core::TimePoint;
using namespace std::chrono_literals;

constexpr core::Duration poll = 200ms;       // the longest sleep of the thread while live
constexpr core::Duration goodbye = 1s;       // what stop() gives a connection to end properly
constexpr core::Duration farewell = 1500ms;  // after stop() the thread has ended, or is left behind
constexpr size_t most_files_shown = 50;
constexpr core::Duration mix_drift = 150ms;     // the mixer's grid and its encoder's count are one clock …
constexpr core::Duration received_drift = 5ms;  // … a sender's and ours are not

class QueueSink final : public core::FrameSink {
 public:
  /// No codec: any.
  QueueSink(std::shared_ptr<FrameQueue> queue, std::optional<core::Codec> codec)
      : queue_(std::move(queue)), codec_(codec) {}
  void push(const core::EncodedFrame& frame) override {
    static core::Counter& wrong = core::counter("partyline_output_dropped_frames_total", "reason=\"wrong_codec\"");
    if (frame.codec == codec_.value_or(frame.codec)) {
      queue_->push(frame);
    } else {
      wrong.add();
    }
  }

 private:
  std::shared_ptr<FrameQueue> queue_;
  std::optional<core::Codec> codec_;
};

}  // namespace

/// What the object, its thread and its sinks have in common; lives as long as the last of them.
struct LiveOutput::Shared : std::enable_shared_from_this<LiveOutput::Shared> {
  Shared(LiveOutputConfig configuration, OutputTarget where, boost::asio::any_io_executor runs_on, OnChange tell)
      : config(std::move(configuration)),
        target(std::move(where)),
        executor(std::move(runs_on)),
        on_change(std::move(tell)),
        queue(std::make_shared<FrameQueue>(config.queue)),
        intake(*queue, {config.muxer.audio, config.muxer.video, config.received, config.keyframe_deadline}) {}

  void run();
  void one_connection();
  void note_file(const std::string& file);
  Result<bool> stream(Muxer& connection, StreamStart start);
  void go_on_in_another_file(core::EncodedFrame next);
  void note_incomplete(const core::Error& why);
  Result<> write(Muxer& connection, OutputTimeline& timeline, const core::EncodedFrame& frame);
  void wait_until_due();
  void publish();
  void tell();
  OutputStatus status() const;

  const LiveOutputConfig config;
  const OutputTarget target;
  const boost::asio::any_io_executor executor;
  const OnChange on_change;
  const std::shared_ptr<FrameQueue> queue;

  OutputIntake intake;

  // Thread's own.
  std::optional<OutputStateMachine> machine;
  FileBudget more_files;
  std::string incomplete;  // why a file may lack its end

  std::atomic<bool> stopping{false}, listening{true};
  std::atomic<uint64_t> bytes{0}, frames{0};

  mutable std::mutex mutex;  // all below; held for copies only
  std::condition_variable changed;
  OutputStatus shown;
  std::shared_ptr<Muxer> muxer;  // the connection under way, to be interrupted
  TimePoint stopped_at{};
  bool ended = false;
};

OutputStatus LiveOutput::Shared::status() const {
  OutputStatus now;
  {
    const std::lock_guard lock(mutex);
    now = shown;
  }
  now.bytes = bytes;
  now.frames = frames;
  now.dropped = queue->dropped();
  return now;
}

void LiveOutput::Shared::tell() {
  if (!on_change) return;
  boost::asio::post(executor, [self = shared_from_this(), now = status()] {
    if (self->listening || now.state == OutputState::stopped) self->on_change(now);
  });
}

void LiveOutput::Shared::publish() {
  {
    const std::lock_guard lock(mutex);
    shown.state = machine->state();
    shown.since = machine->since();
    shown.error = incomplete.empty() ? machine->error() : incomplete;
    shown.reconnects = machine->reconnects();
  }
  if (machine->state() == OutputState::waiting) {
    core::log_warn("{} {} failed: {}; next attempt in {} s", config.log_context, target.shown, machine->error(),
                   std::chrono::duration_cast<std::chrono::seconds>(machine->due() - machine->since()).count());
  } else {
    core::log_info("{} {} is {}", config.log_context, target.shown, to_string(machine->state()));
  }
  tell();
}

void LiveOutput::Shared::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 0);  // not the network thread's, which made this one
  const AvLogCapture log;
  machine.emplace(config.retry, Clock::now());
  // What came before the end is written, be it into another file.
  while (!stopping || intake.has_carried()) {
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
    if (stopping && !intake.has_carried()) return;
    muxer = connection;
  }
  Result<> result = connection->connect();
  bool another = false;
  if (result) {
    auto start = intake.begin(stopping);
    Result<bool> streamed = start ? stream(*connection, std::move(*start)) : Result<bool>(start.error());
    if (streamed) another = *streamed;
    if (!streamed) result = streamed.error();
  }
  if (!another) intake.close();
  if (stopping || another) {
    const Result<> done = connection->finish();
    if (result && !done) result = done;
    const bool began = result || result.error().code != core::ErrorCode::cancelled;
    if (!result && began && target.file) note_incomplete(result.error());
    if (!result && began && !target.file)
      core::log_debug("{} {}: {}", config.log_context, target.shown, result.error().message);
  } else if (!result) {
    failures.add();
    machine->failed(Clock::now(), result.error().message);
    publish();
  }
  const std::lock_guard lock(mutex);
  muxer.reset();
}

void LiveOutput::Shared::note_file(const std::string& file) {
  if (file.empty()) return;
  core::log_info("{} {} goes into {}", config.log_context, target.shown, core::printable(file));
  {
    const std::lock_guard lock(mutex);
    if (shown.files.size() >= most_files_shown) shown.files.erase(shown.files.begin());
    shown.files.push_back(core::printable(file));
  }
  if (machine->state() == OutputState::live) tell();  // else it is told with the state
}

/// True when it ended because what comes next does not fit in: another file has to begin.
Result<bool> LiveOutput::Shared::stream(Muxer& connection, StreamStart start) {
  if (Result<> begun = connection.begin(start.tracks); !begun) return begun.error();
  note_file(connection.file());
  OutputTimeline timeline(start.zero(), config.received ? received_drift : mix_drift);
  for (const core::EncodedFrame& frame : start.frames)
    if (Result<> written = write(connection, timeline, frame); !written) return written.error();
  start.frames.clear();
  if (machine->state() != OutputState::live) {
    machine->connected(Clock::now());
    publish();
  }
  // When the end is wished for, files still get what had come by then.
  size_t rest = target.file ? config.queue.frames : 0;
  while (true) {
    const bool ending = stopping;
    if (ending && rest-- == 0) break;
    auto next = intake.next(ending ? TimePoint{} : Clock::now() + poll);
    if (!next && ending) break;
    if (!next) continue;
    const Fit fit = config.received ? judge(*next, start.tracks, more_files, Clock::now()) : Fit::this_file;
    if (fit == Fit::nowhere) {
      intake.refuse(*next, !more_files.exhausted());
      continue;
    }
    if (fit == Fit::another_file) {
      go_on_in_another_file(std::move(*next));
      return true;
    }
    if (Result<> written = write(connection, timeline, *next); !written) return written.error();
  }
  return false;
}

void LiveOutput::Shared::go_on_in_another_file(core::EncodedFrame next) {
  core::log_info("{} {} goes on in another file{}: {} comes now", config.log_context, target.shown,
                 more_files.exhausted() ? ", the last one" : "", core::name_of(next.codec));
  intake.put_back(std::move(next));
}

/// Nobody connects again to a file that could not be ended: it is the operator who must know.
void LiveOutput::Shared::note_incomplete(const core::Error& why) {
  static core::Counter& failures = core::counter("partyline_output_failures_total");
  failures.add();
  core::log_warn("{} {} may lack its end: {}", config.log_context, target.shown, why.message);
  if (incomplete.empty()) incomplete = why.message;
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

Result<std::unique_ptr<LiveOutput>> LiveOutput::create(LiveOutputConfig config, boost::asio::any_io_executor executor,
                                                       OnChange on_change) {
  auto target = parse_output_url(config.url, config.file_directory);
  if (!target) return target.error();
  if (!config.muxer.audio && !config.muxer.video) {
    return core::make_error(core::ErrorCode::invalid, "an output needs audio, video or both");
  }
  try {
    auto shared =
        std::make_shared<Shared>(std::move(config), std::move(*target), std::move(executor), std::move(on_change));
    shared->shown.since = Clock::now();
    // The thread keeps what it needs alive, so it may be left behind when the resolver hangs; see the destructor.
    std::thread([shared] { shared->run(); }).detach();
    return std::unique_ptr<LiveOutput>(new LiveOutput(std::move(shared)));
  } catch (const std::system_error& error) {
    return core::make_error(
        core::ErrorCode::limit,
        fmt::format("no output can be made: the process is at a limit of the system ({})", error.code().message()));
  }
}

LiveOutput::LiveOutput(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

LiveOutput::~LiveOutput() {
  shared_->listening = false;
  stop();
  std::unique_lock lock(shared_->mutex);
  if (!shared_->changed.wait_until(lock, shared_->stopped_at + farewell, [this] { return shared_->ended; })) {
    core::log_warn("{} {} still waits for the network; it is left behind", shared_->config.log_context,
                   shared_->target.shown);
  }
}

void LiveOutput::stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->stopping.exchange(true)) return;
    shared_->stopped_at = Clock::now();
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

std::shared_ptr<core::FrameSink> LiveOutput::sink() {
  return std::make_shared<QueueSink>(shared_->queue, std::nullopt);
}

void LiveOutput::set_feedback(std::shared_ptr<core::MediaFeedback> feedback) {
  shared_->intake.set_feedback(std::move(feedback));
}

OutputStatus LiveOutput::status() const {
  return shared_->status();
}

const std::string& LiveOutput::shown_url() const {
  return shared_->target.shown;
}

}  // namespace partyline::gateway
