#include "gateway/still.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "core/log.hpp"

namespace partyline::gateway {
namespace {

using core::ErrorCode;
using core::make_error;
using core::Result;

constexpr std::chrono::seconds kPatience{3};
constexpr int kNarrowest = 64;

// What waits on the network thread; the sink only knows it weakly.
struct Waiting {
  explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor, kPatience) {}
  boost::asio::steady_timer timer;
  std::string jpeg;
};

// Takes the first picture and brings it to the network thread.
class StillSink final : public core::FrameSink {
 public:
  explicit StillSink(const std::shared_ptr<Waiting>& waiting)
      : executor_(waiting->timer.get_executor()), waiting_(waiting) {}

  void push(const core::EncodedFrame& frame) override {
    if (std::exchange(taken_, true)) return;
    boost::asio::post(executor_,
                      [waiting = waiting_, jpeg = std::string(frame.data.begin(), frame.data.end())]() mutable {
                        const auto self = waiting.lock();
                        if (!self) return;
                        self->jpeg = std::move(jpeg);
                        self->timer.cancel();
                      });
  }

 private:
  boost::asio::any_io_executor executor_;
  std::weak_ptr<Waiting> waiting_;
  bool taken_ = false;
};

Result<core::VideoSize> size_of(core::VideoSize canvas, std::optional<int> width) {
  if (!width) return canvas;
  if (*width < kNarrowest || *width > canvas.width)
    return make_error(ErrorCode::invalid, fmt::format("'width' must be from {} to {}", kNarrowest, canvas.width));
  const int height = static_cast<int>(int64_t{canvas.height} * *width / canvas.width);
  return core::VideoSize{*width & ~1, std::max(32, height & ~1)};
}

}  // namespace

boost::asio::awaitable<Result<std::string>> take_still(RoomManager& rooms, std::string name, std::optional<int> width) {
  Room* room = rooms.find(name);
  if (!room) co_return make_error(ErrorCode::not_found, fmt::format("there is no room {}", core::printable(name)));
  const auto size = size_of(room->picture().size, width);
  if (!size) co_return size.error();
  const auto waiting = std::make_shared<Waiting>(co_await boost::asio::this_coro::executor);
  const auto output = room->add_still(*size, std::make_shared<StillSink>(waiting));
  if (!output) co_return output.error();
  boost::system::error_code woken;
  co_await waiting->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  // The room may have ended meanwhile.
  if (Room* still_there = rooms.find(name)) still_there->remove_still(*output);
  if (waiting->jpeg.empty()) co_return make_error(ErrorCode::timeout, "the mixer gave no picture in time");
  co_return std::move(waiting->jpeg);
}

}  // namespace partyline::gateway
