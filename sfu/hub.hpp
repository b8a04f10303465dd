// All streams and sessions of the SFU: makes them, ends them, ticks them, tells the hooks. Knows no HTTP.
// Thread: the SFU's executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "rtp/link_report.hpp"
#include "sfu/answer.hpp"
#include "sfu/session.hpp"
#include "sfu/sfu.hpp"

namespace partyline::sfu {

struct SessionRequest {
  std::string app, stream, offer;
  std::string remote_address;
  std::string param;  ///< the raw query
};

struct CreatedSession {
  std::string token, etag, answer;
};

class Hub final : public SessionOwner, public rtp::LinkBook, public std::enable_shared_from_this<Hub> {
 public:
  Hub(boost::asio::any_io_executor executor, SfuConfig config, std::shared_ptr<const rtp::DtlsIdentity> identity);

  core::Result<> start();
  void stop();
  uint16_t media_port() const { return ice_.port(); }
  void set_identity(std::shared_ptr<const rtp::DtlsIdentity> identity) { ice_.set_identity(std::move(identity)); }
  const SfuConfig& config() const { return config_; }

  /// `conflict` while another publisher of that name is alive, `unavailable` while one is being judged by the hooks,
  /// `limit`, `invalid`, `unsupported`, `forbidden` (hooks).
  boost::asio::awaitable<core::Result<CreatedSession>> publish(SessionRequest request);
  boost::asio::awaitable<core::Result<CreatedSession>> play(SessionRequest request);
  /// Null when there is none (any more).
  std::shared_ptr<Session> find(const std::string& token) const;
  void end(Session& session, const std::string& why);
  std::vector<StreamInfo> streams() const;
  std::optional<rtp::LinkReport> publisher(const std::string& app, const std::string& stream) const override;
  std::vector<rtp::LinkReport> links(const std::string& app, bool in_words) const override;

  void on_session_connected(Session& session) override;
  void on_session_closed(Session& session, const core::Error& why) override;
  void on_tick_wanted(core::Duration within) override;

 private:
  using StreamKey = std::pair<std::string, std::string>;

  core::Result<std::shared_ptr<Stream>> stream_of(const SessionRequest& request);
  core::Result<> check_limits(const SessionRequest& request) const;
  std::shared_ptr<Session> add_session(SessionKind kind, std::shared_ptr<Stream> stream, const SessionRequest& request);
  /// Asks the hooks and opens the transport; the session is ended when that fails.
  boost::asio::awaitable<core::Result<>> admit(std::shared_ptr<Session> session, AnswerDraft draft);
  bool is_alive(const Session& publisher) const;
  static core::Error name_is_taken(const Stream& stream);
  void take_name(Session& session);
  void drop_if_empty(const std::shared_ptr<Stream>& stream);
  void warn_if_unplayable(const Session& player) const;
  void tick_later(core::Duration pause);
  // hub_links.cpp
  static rtp::LinkFigures figures_of(const Session& session, core::TimePoint now);
  static rtp::LinkReport report_of(const Session& session, core::TimePoint now, bool in_words);
  static std::string words_of(const Session& session, const rtp::SessionStats& stats, core::TimePoint now);
  static std::string close_book(Session& session);
  void note_links(core::TimePoint now);

  boost::asio::any_io_executor executor_;
  SfuConfig config_;
  rtp::IceLiteServer ice_;
  Hooks hooks_;
  boost::asio::steady_timer tick_timer_;
  std::map<StreamKey, std::shared_ptr<Stream>> streams_;
  std::unordered_map<std::string, std::shared_ptr<Session>> sessions_;
  std::map<std::string, size_t> pending_;  // by client network
  core::TimePoint next_note_{};
  bool ticking_ = false;
  bool stopped_ = false;
};

}  // namespace partyline::sfu
