#include "rtp/transport/ice_path.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/log.hpp"

namespace partyline::rtp {

namespace asio = boost::asio;

namespace {

constexpr size_t kMaxRemoteCandidates = 64;

bool is_ice_token(const std::string& text, size_t shortest) {
  return text.size() >= shortest && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 127; });
}

core::Result<std::vector<IceCandidate>> usable_candidates(const IceDescription& remote) {
  std::vector<IceCandidate> result;
  for (const std::string& text : remote.candidates) {
    auto candidate = parse_candidate(text);
    // One that we cannot read does not spoil the others (RFC 8839 §5.1: unknown kinds are to be ignored).
    if (!candidate) {
      core::log_debug("ICE candidate left out: {}", candidate.error().message);
      continue;
    }
    if (!candidate->address || candidate->component != 1) continue;
    if (result.size() < kMaxRemoteCandidates) result.push_back(*std::move(candidate));
  }
  if (remote.lite && result.empty()) {
    return core::make_error(core::ErrorCode::invalid, "an ICE-lite peer without a candidate cannot be reached");
  }
  return result;
}

}  // namespace

IcePath::IcePath(asio::any_io_executor executor, std::weak_ptr<IcePathOwner> owner)
    : owner_(std::move(owner)), gathered_(executor, asio::steady_timer::time_point::max()) {}

std::shared_ptr<IcePath> IcePath::create(asio::any_io_executor executor, GlibThread& glib,
                                         std::weak_ptr<IcePathOwner> owner) {
  std::shared_ptr<IcePath> path(new IcePath(executor, std::move(owner)));
  path->make_agent(executor, glib);
  return path;
}

void IcePath::make_agent(const asio::any_io_executor& executor, GlibThread& glib) {
  const auto weak = weak_from_this();
  IceAgentEvents events;
  events.on_gathered = [weak](IceAgentLocal local) {
    if (const auto self = weak.lock()) self->on_gathered(std::move(local));
  };
  events.on_state = [weak](IceAgentState state) {
    const auto self = weak.lock();
    const auto owner = self ? self->owner_.lock() : nullptr;
    if (owner) owner->on_path_state(*self, state);
  };
  events.on_selected = [weak](std::string remote) {
    const auto self = weak.lock();
    if (!self) return;
    self->remote_address_ = std::move(remote);
    if (const auto owner = self->owner_.lock()) owner->on_path_selected(*self);
  };
  events.on_packet = [weak](core::Buffer& packet) {
    const auto self = weak.lock();
    const auto owner = self ? self->owner_.lock() : nullptr;
    if (owner) owner->on_path_packet(std::move(packet));
  };
  agent_ = IceAgent::create(executor, glib, std::move(events));
}

asio::awaitable<core::Result<>> IcePath::gather(IceAgentConfig config, core::Duration limit) {
  const auto keep = shared_from_this();
  keep_tunnels(config.relays);
  agent_->start(std::move(config));
  // Waits twice: for all candidates, then (once the limit is over) for those that are there.
  gathered_.expires_after(limit);
  co_await gathered_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (local_.ufrag.empty() && !closed_) {
    agent_->stop_gathering();
    gathered_.expires_after(std::chrono::seconds(1));
    co_await gathered_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (closed_) co_return core::make_error(core::ErrorCode::cancelled, "closed while ICE gathered");
  if (local_.ufrag.empty() || local_.candidates.empty())
    co_return core::make_error(core::ErrorCode::unavailable, "ICE found no local address to use");
  co_return core::Result<>();
}

void IcePath::on_gathered(IceAgentLocal found) {
  local_ = std::move(found);
  gathered_.cancel();
}

void IcePath::add_relays(std::vector<IceAgentConfig::Relay> relays) {
  keep_tunnels(relays);
  if (!closed_ && !relays.empty()) agent_->add_relays(std::move(relays));
}

void IcePath::keep_tunnels(std::vector<IceAgentConfig::Relay>& relays) {
  for (auto& relay : relays) {
    if (relay.tunnel) tunnels_.push_back(std::exchange(relay.tunnel, nullptr));
  }
}

core::Result<> IcePath::set_remote(const IceDescription& remote) {
  if (!is_ice_token(remote.ufrag, 4) || !is_ice_token(remote.pwd, 22)) {
    return core::make_error(core::ErrorCode::invalid, "malformed ICE credentials");
  }
  auto candidates = usable_candidates(remote);
  if (!candidates) return candidates.error();
  agent_->set_remote(remote.ufrag, remote.pwd, *std::move(candidates));
  return {};
}

void IcePath::close() {
  if (std::exchange(closed_, true)) return;
  gathered_.cancel();
  tunnels_.clear();
  agent_->close();
}

}  // namespace partyline::rtp
