#include "gateway/leg_feedback.hpp"

#include <atomic>
#include <boost/asio/post.hpp>

namespace partyline::gateway {
namespace {

class LegFeedback final : public core::MediaFeedback {
 public:
  LegFeedback(boost::asio::any_io_executor executor, std::weak_ptr<Leg> leg)
      : executor_(std::move(executor)), leg_(std::move(leg)) {}

  void request_keyframe() override {
    boost::asio::post(executor_, [leg = leg_] {
      if (const auto self = leg.lock()) self->request_keyframe();
    });
  }

  // Asio puts what its own thread posts behind what others post meanwhile: the handler takes the newest, not its own.
  void set_target_bitrate(core::Bitrate target) override {
    newest_->store(target.bits_per_second);
    boost::asio::post(executor_, [leg = leg_, newest = newest_] {
      if (const auto self = leg.lock()) self->wish_picture({newest->load()});
    });
  }

 private:
  boost::asio::any_io_executor executor_;
  std::weak_ptr<Leg> leg_;
  std::shared_ptr<std::atomic<int64_t>> newest_ = std::make_shared<std::atomic<int64_t>>();
};

}  // namespace

std::shared_ptr<core::MediaFeedback> feedback_to(boost::asio::any_io_executor executor, std::weak_ptr<Leg> leg) {
  return std::make_shared<LegFeedback>(std::move(executor), std::move(leg));
}

}  // namespace partyline::gateway
