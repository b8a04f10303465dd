// What whoever decodes or records a leg's picture wishes of its sender, carried from any thread to the leg's own.
// Thread: the wishes any; the leg hears them on `executor` (network).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "core/frame.hpp"
#include "gateway/leg.hpp"

namespace partyline::gateway {

/// Outlives the leg, and is deaf then. Of bit rates that are wished quickly only the newest need arrive.
std::shared_ptr<core::MediaFeedback> feedback_to(boost::asio::any_io_executor executor, std::weak_ptr<Leg> leg);

}  // namespace partyline::gateway
