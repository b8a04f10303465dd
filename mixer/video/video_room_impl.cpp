// The room's clockwork: when it ticks, who encodes, what is told of it.
#include "mixer/video/video_room_impl.hpp"

#include "core/counters.hpp"

namespace partyline::mixer {

void VideoRoom::Impl::replan() {
  if (!on_mixing || closed) return;
  board.replan(core::Clock::now());
  start_ticking();
  const bool mixes = logic.mixes() || board.will_mix();
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
    if (logic.take_switched()) replan();
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
  snapshot.outputs = board.outputs();
  snapshot.encoders = logic.encoder_count();
  snapshot.ticks = ticks;
  snapshot.ticks_late = ticks_late;
  snapshot.ticking = ticking;
}

}  // namespace partyline::mixer
