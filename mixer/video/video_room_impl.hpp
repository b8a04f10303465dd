// The inside of VideoRoom: the strand, its timers and what they drive. For video_room*.cpp alone.
//
// Thread: as each member says.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "mixer/video/pass_board.hpp"
#include "mixer/video/video_core.hpp"
#include "mixer/video/video_room.hpp"
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

}  // namespace partyline::mixer
