#include "whip_client/ice_restart.hpp"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/counters.hpp"
#include "rtp/transport/ice_fragment.hpp"
#include "whip_client/signalling.hpp"

namespace partyline::whip_client {

namespace asio = boost::asio;

namespace {

void count(std::string_view result) {
  core::counter("partyline_whip_client_ice_restarts_total", fmt::format("result=\"{}\"", result)).add();
}

/// True when the server's answer says what is to become of the connection.
bool follow(Connection& connection, const RestartOutcome& outcome) {
  if (const auto* theirs = std::get_if<rtp::IceDescription>(&outcome)) {
    const auto begun = connection.restart(*theirs);
    count(begun ? "answered" : "refused");
    if (!begun) connection.give_up(begun.error().message);
    return true;
  }
  const auto& refusal = std::get<Refusal>(outcome);
  if (refusal.kind == RefusalKind::unavailable) return false;
  count("refused");
  connection.give_up(refusal.why);
  return true;
}

}  // namespace

asio::awaitable<void> restart_ice(PeerConfig config, std::shared_ptr<Connection> connection, std::string url,
                                  std::string kind, std::string mid) {
  constexpr core::Duration pause = std::chrono::seconds(1);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!connection->is_over()) {
    const auto ours = co_await connection->regather();
    if (connection->is_over()) co_return;
    if (ours) {
      const auto outcome = co_await patch_restart(config, url, rtp::write_ice_fragment(*ours, kind, mid));
      if (connection->is_over() || follow(*connection, outcome)) co_return;
    }
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace partyline::whip_client
