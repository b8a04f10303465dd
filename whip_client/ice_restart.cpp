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

constexpr core::Duration kUntilReached = std::chrono::seconds(1), kUntilFound = std::chrono::seconds(4);
constexpr int kAnswers = 3;

enum class Next { ask_again, look_for_path, end };

Next follow(Connection& connection, const RestartOutcome& outcome) {
  if (const auto* theirs = std::get_if<rtp::IceDescription>(&outcome)) {
    const auto begun = connection.restart(*theirs);
    count(begun ? "answered" : "refused");
    if (begun) return Next::look_for_path;
    connection.give_up(begun.error().message);
    return Next::end;
  }
  const auto& refusal = std::get<Refusal>(outcome);
  if (refusal.kind == RefusalKind::unavailable) return Next::ask_again;
  count("refused");
  connection.give_up(refusal.why);
  return Next::end;
}

asio::awaitable<Next> ask(const PeerConfig& config, Connection& connection, const std::string& url,
                          const std::string& kind, const std::string& mid) {
  const auto ours = co_await connection.regather();
  if (connection.is_over()) co_return Next::end;
  if (!ours) co_return Next::ask_again;
  const auto outcome = co_await patch_restart(config, url, rtp::write_ice_fragment(*ours, kind, mid));
  co_return connection.is_over() ? Next::end : follow(connection, outcome);
}

}  // namespace

asio::awaitable<void> restart_ice(PeerConfig config, std::shared_ptr<Connection> connection, std::string url,
                                  std::string kind, std::string mid) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const int loss = connection->loss();
  for (int answers = 0; !connection->is_over();) {
    const Next next = co_await ask(config, *connection, url, kind, mid);
    if (next == Next::end || (next == Next::look_for_path && loss == 0)) co_return;
    timer.expires_after(next == Next::look_for_path ? kUntilFound : kUntilReached);
    co_await timer.async_wait(asio::use_awaitable);
    if (connection->loss() != loss) co_return;  // mended; another one has its own restart
    if (next == Next::look_for_path && ++answers == kAnswers) connection->give_up("no path was found");
  }
}

}  // namespace partyline::whip_client
