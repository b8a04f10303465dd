#include "mixer/video/video_room.hpp"

#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "core/counters.hpp"
#include "mixer/codec/video_encoder.hpp"
#include "mixer/video/pass_board.hpp"
#include "mixer/video/video_core.hpp"
#include "mixer/video/video_source.hpp"
#include "mixer/worker_pool.hpp"

namespace partyline::mixer {

namespace asio = boost::asio;

struct VideoRoom::Impl : std::enable_shared_from_this<VideoRoom::Impl> {
  Impl(WorkerPool& pool, RoomConfig room, const EngineConfig& engine)
      : decoding(pool.executor(kDecodeDue, spent)),
        encoding(pool.executor(kEncodeDue, spent)),
        drawing(pool.executor(kLeisure, spent)),
        strand(asio::make_strand(pool.executor(kTickDue, spent))),
        font(engine.font),
        decor(room.decor),
        layouts(engine.layouts ? engine.layouts : std::make_shared<const LayoutCatalog>()),
        timer(strand),
        pass_timer(strand),
        logic(std::move(room), layouts),
        board(logic, [this](uint64_t member) {
          if (const auto found = source(member)) found->request_keyframe();
        }) {}

  template <class Action>
  void on_strand(Action action) {
    asio::post(strand, [self = shared_from_this(), action = std::move(action)]() mutable {
      action(*self);
      self->replan();
      self->publish();
    });
  }
  std::shared_ptr<VideoSource> source(uint64_t member) const {
    const std::shared_lock lock(sources_mutex);
    const auto found = sources.find(member);
    return found == sources.end() ? nullptr : found->second;
  }

  void replan();
  void watch_passes();
  void start_ticking();
  void schedule();
  void on_timer();
  void run(std::vector<EncodeJob> jobs);
  void draw_wishes();
  void close();
  void publish();

  const std::shared_ptr<WorkAccount> spent = std::make_shared<WorkAccount>();
  asio::any_io_executor decoding, encoding, drawing, strand;
  std::string font;
  const std::shared_ptr<const Decor> decor;
  const std::shared_ptr<const LayoutCatalog> layouts;

  // The strand's.
  asio::steady_timer timer;
  asio::steady_timer pass_timer;
  VideoCore logic;
  PassBoard board;
  std::function<void(bool)> on_mixing;  // passing is not wanted without
  bool mixing = false, watching = false;
  bool ticking = false, closed = false;
  core::TimePoint origin{};  // the schedule is origin + frame * interval
  int64_t frame = 0;
  uint64_t ticks = 0, ticks_late = 0;

  std::atomic<int> jobs_running{0};
  mutable std::shared_mutex sources_mutex;
  std::map<uint64_t, std::shared_ptr<VideoSource>> sources;
  std::mutex outputs_mutex;
  struct Door {
    std::shared_ptr<OutputGate> gate;
    std::shared_ptr<VideoValve> valve;
    void shut() const {
      gate->shut();
      valve->shut();
    }
  };
  std::map<OutputId, Door> outputs;
  bool stopped = false;  // outputs_mutex
  mutable std::mutex stats_mutex;
  VideoStats snapshot;
};

void VideoRoom::Impl::replan() {
  if (!on_mixing || closed) return;
  board.replan(core::Clock::now());
  start_ticking();
  const bool mixes = logic.mixes() || board.warming();
  if (std::exchange(mixing, mixes) != mixes) on_mixing(mixes);
  watch_passes();
}

// Passed pictures come without ticks; what becomes of them is looked after five times a second.
void VideoRoom::Impl::watch_passes() {
  if (watching || closed || !board.busy()) return;
  watching = true;
  pass_timer.expires_after(std::chrono::milliseconds(200));
  pass_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->watching = false;
    if (error) return;
    self->replan();
    self->publish();
  });
}

void VideoRoom::Impl::start_ticking() {
  if (ticking || closed || (!logic.active() && !board.warming())) return;
  ticking = true;
  origin = core::Clock::now();
  frame = 0;
  schedule();
}

void VideoRoom::Impl::schedule() {
  timer.expires_at(origin + frame * logic.frame_interval());
  timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->on_timer();
  });
}

void VideoRoom::Impl::on_timer() {
  if (closed) return;
  if (!logic.active() && !board.warming()) {
    ticking = false;
    logic.rest(core::Clock::now());
    return publish();
  }
  static core::Counter& late = core::counter("partyline_mixer_video_ticks_late_total");
  const core::Duration interval = logic.frame_interval();
  // Behind by whole frames: they are skipped, never made up for.
  const int64_t now_frame = (core::Clock::now() - origin) / interval;
  if (now_frame > frame) {
    ticks_late += static_cast<uint64_t>(now_frame - frame);
    late.add(static_cast<uint64_t>(now_frame - frame));
    frame = now_frame;
  }
  if (jobs_running.load() > 0) {
    ++ticks_late;
    late.add();
  } else {
    ++ticks;
    run(logic.tick(origin + frame * interval));
    if (board.warming()) board.settle(core::Clock::now());
    draw_wishes();
  }
  ++frame;
  publish();
  schedule();
}

void VideoRoom::Impl::run(std::vector<EncodeJob> jobs) {
  jobs_running += static_cast<int>(jobs.size());
  // All but one go to other threads; the last one costs no hop.
  for (size_t i = 0; i + 1 < jobs.size(); ++i) {
    asio::post(encoding, [self = shared_from_this(), job = std::move(jobs[i])]() mutable {
      job.run();
      --self->jobs_running;
    });
  }
  if (jobs.empty()) return;
  jobs.back().run();
  --jobs_running;
}

void VideoRoom::Impl::draw_wishes() {
  std::vector<ArtKey> wishes = logic.gallery().take_wishes();
  if (wishes.empty()) return;
  asio::post(drawing, [self = shared_from_this(), wishes = std::move(wishes)] {
    for (const ArtKey& key : wishes) {
      self->on_strand([key, art = draw_art(key, self->font, self->decor.get())](Impl& impl) {
        impl.logic.gallery().hang(key, art);
      });
    }
  });
}

void VideoRoom::Impl::close() {
  closed = true;
  ticking = false;
  timer.cancel();
  pass_timer.cancel();
  logic.rest(core::Clock::now());
}

void VideoRoom::Impl::publish() {
  const std::lock_guard lock(stats_mutex);
  snapshot.tiles = logic.tile_count();
  snapshot.passed = board.passing();
  snapshot.outputs = logic.output_count() + snapshot.passed;
  snapshot.encoders = logic.encoder_count();
  snapshot.ticks = ticks;
  snapshot.ticks_late = ticks_late;
  snapshot.ticking = ticking;
}

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
  if (const auto source = impl_->source(member)) source->push(frame);
  impl_->board.route(member, frame, core::Clock::now());
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

void VideoRoom::set_speaking(uint64_t member, bool speaking) {
  impl_->on_strand([=](Impl& impl) { impl.logic.set_speaking(member, speaking, core::Clock::now()); });
}

void VideoRoom::set_feedback(uint64_t member, std::shared_ptr<core::MediaFeedback> feedback) {
  if (const auto source = impl_->source(member)) source->set_feedback(std::move(feedback));
}

void VideoRoom::set_playout_delay(uint64_t member, core::Duration delay) {
  if (const auto source = impl_->source(member)) source->set_playout_delay(delay);
}

core::Result<> VideoRoom::add_output(OutputId id, VideoRendition rendition, std::shared_ptr<core::FrameSink> sink) {
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
    impl.logic.add_output(id, rendition, gate);
    impl.board.add(id, rendition, gate, valve);
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
  impl_->on_strand([id](Impl& impl) {
    impl.logic.remove_output(id);
    impl.board.remove(id);
  });
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

void VideoRoom::hold_size(OutputId id) {
  impl_->on_strand([id](Impl& impl) { impl.logic.hold_size(id); });
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
