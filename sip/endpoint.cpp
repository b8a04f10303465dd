#include "sip/endpoint.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "sip/header_text.hpp"

namespace partyline::sip {
namespace {

constexpr size_t kMaxMessage = 128 * 1024;  // a 64 KiB datagram and any sane TCP message; beyond: 413
constexpr su_duration_t kTick = 50;         // ms
constexpr int kRetryAfterSeconds = 5;

thread_local Endpoint* t_endpoint = nullptr;

// One URL a transport: Sofia 1.12.11 reads freed stack memory when a URL names two ("transport=udp,tcp").
std::string bind_url(const UserAgentConfig& config, uint16_t port, const char* transport) {
  const std::string host = config.listen_address.empty() ? "0.0.0.0" : uri_host(config.listen_address);
  return "sip:" + host + ":" + std::to_string(port) + ";transport=" + transport;
}

}  // namespace

CallId next_call_id() {
  static std::atomic<CallId> last{0};
  return ++last;
}

Endpoint::Endpoint(const UserAgentConfig& config, Outbox& outbox)
    : config_(config),
      outbox_(outbox),
      refused_full_(core::counter("partyline_sip_refused_total", "reason=\"full\"")),
      refused_draining_(core::counter("partyline_sip_refused_total", "reason=\"draining\"")),
      refused_flood_(core::counter("partyline_sip_refused_total", "reason=\"flood\"")),
      flood_guard_(config.requests_per_second_per_source) {
  t_endpoint = this;
}

Endpoint::~Endpoint() {
  calls_.clear();
  if (timer_) su_timer_destroy(timer_);
  if (guard_timer_) su_timer_destroy(guard_timer_);
  if (default_leg_) nta_leg_destroy(default_leg_);
  if (agent_) nta_agent_destroy(agent_);
  t_endpoint = nullptr;
}

core::Result<uint16_t> Endpoint::open(su_root_t* root) {
  // With port 0 somebody else may take the port between the look and the bind: a few attempts.
  const int attempts = config_.port == 0 ? 8 : 1;
  uint16_t port = config_.port;
  for (int attempt = 1;; ++attempt) {
    if (config_.port == 0) port = free_port(config_.listen_address);
    const auto bound = bind(root, port);
    if (bound) break;
    if (attempt >= attempts) return bound.error();
  }
  TcpGuard::Limits limits{config_.tcp_connections, config_.tcp_connections_per_source, config_.tcp_silence};
  tcp_guard_.emplace(port, limits, config_.trusted_sources);
  default_leg_ = nta_leg_tcreate(agent_, on_request, nullptr, NTATAG_NO_DIALOG(1), TAG_END());
  timer_ = su_timer_create(su_root_task(root), kTick);
  guard_timer_ = su_timer_create(su_root_task(root), TcpGuard::kEvery / std::chrono::milliseconds(1));
  if (!default_leg_ || !timer_ || !guard_timer_ || su_timer_set_for_ever(guard_timer_, on_guard_timer, nullptr) < 0)
    return core::make_error(core::ErrorCode::internal, "Sofia-SIP has no memory for a dialog or timer");
  context_ = std::make_unique<CallContext>(
      CallContext{agent_, config_, outbox_, active_calls_, port, on_request, on_ack_or_cancel, on_response, on_prack});
  return port;
}

core::Result<> Endpoint::bind(su_root_t* root, uint16_t port) {
  const auto t1 = static_cast<unsigned>(config_.t1.count());
  if (agent_) nta_agent_destroy(agent_);
  agent_ =
      nta_agent_create(root, reinterpret_cast<url_string_t const*>(-1), nullptr, nullptr, NTATAG_UA(1),
                       NTATAG_MERGE_482(1), NTATAG_MAXSIZE(kMaxMessage), NTATAG_SIP_T1(t1), NTATAG_SIP_T1X64(64 * t1),
                       NTATAG_SIP_T2(8 * t1), NTATAG_SIP_T4(10 * t1), NTATAG_CANCEL_487(1), TAG_END());
  if (!agent_) return core::make_error(core::ErrorCode::internal, "Sofia-SIP gave no agent");
  for (const char* transport : {"udp", "tcp"}) {
    const std::string url = bind_url(config_, port, transport);
    errno = 0;
    if (nta_agent_add_tport(agent_, reinterpret_cast<url_string_t const*>(url.c_str()), TPTAG_UDP_RMEM(4u << 20),
                            TPTAG_UDP_WMEM(4u << 20), TPTAG_QUEUESIZE(1024), TPTAG_TIMEOUT(32000), TPTAG_PONG2PING(1),
                            TAG_END()) < 0) {
      const int error = errno;
      return core::make_error(core::ErrorCode::io, "SIP cannot listen on " + config_.listen_address + " " + transport +
                                                       " port " + std::to_string(port) + ": " +
                                                       (error ? std::strerror(error) : "the address is not usable"));
    }
  }
  return {};
}

Call* Endpoint::find(CallId id) {
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second.get();
}

void Endpoint::with_call(CallId id, const std::function<void(Call&)>& command) {
  if (Call* call = find(id)) command(*call);
}

void Endpoint::dial(CallId id, const std::string& target_uri, const std::string& from_user,
                    const std::string& display_name, const std::string& sdp) {
  auto call = std::make_unique<Call>(*context_, id);
  Call& dialled = *call;
  calls_.emplace(id, std::move(call));  // call-backs may come before dial() returns
  tick_later();
  dialled.dial(target_uri, from_user, display_name, sdp);
}

void Endpoint::shut_down(core::TimePoint deadline, std::function<void()> done) {
  core::log_info("SIP shuts down, {} calls to end", active_calls_);
  availability_.accepting = false;
  shutdown_deadline_ = deadline;
  shutdown_done_ = std::move(done);
  for (auto& [id, call] : calls_) call->hang_up("shutting down");
  tick(core::Clock::now());
}

int Endpoint::on_request(nta_leg_magic_t* magic, nta_leg_t*, nta_incoming_t* request, const sip_t* sip) {
  Endpoint* self = t_endpoint;
  if (!self) return 503;
  if (id_of(magic) == 0) return self->receive_outside(request, *sip);
  Call* call = self->find(id_of(magic));
  if (!call) return 481;
  if (sip->sip_request->rq_method != sip_method_ack && self->refuse_early(request, *sip)) return 0;
  return call->receive_request(request, *sip);
}

int Endpoint::on_ack_or_cancel(nta_incoming_magic_t* magic, nta_incoming_t* request, const sip_t* sip) {
  if (Call* call = t_endpoint ? t_endpoint->find(id_of(magic)) : nullptr) call->receive_ack_or_cancel(request, sip);
  return 0;
}

int Endpoint::on_response(nta_outgoing_magic_t* magic, nta_outgoing_t* request, const sip_t* sip) {
  if (Call* call = t_endpoint ? t_endpoint->find(id_of(magic)) : nullptr) call->receive_response(request, sip);
  return 0;
}

int Endpoint::on_prack(nta_reliable_magic_t* magic, nta_reliable_t* reliable, nta_incoming_t* prack, const sip_t* sip) {
  nta_reliable_destroy(reliable);
  if (prack && sip) return 200;
  core::log_debug("call={} a reliable 180 was not acknowledged by PRACK", id_of(magic));
  return 0;
}

void Endpoint::on_timer(su_root_magic_t*, su_timer_t*, su_timer_arg_t*) {
  if (!t_endpoint) return;
  t_endpoint->timer_runs_ = false;
  t_endpoint->tick(core::Clock::now());
}

void Endpoint::on_guard_timer(su_root_magic_t*, su_timer_t*, su_timer_arg_t*) {
  if (t_endpoint && t_endpoint->tcp_guard_) t_endpoint->tcp_guard_->check(core::Clock::now());
}

// Connections are looked at all the time; calls only while there are any.
void Endpoint::tick_later() {
  if (timer_runs_ || (calls_.empty() && !shutdown_done_)) return;
  timer_runs_ = su_timer_set(timer_, on_timer, nullptr) == 0;
}

void Endpoint::tick(core::TimePoint now) {
  for (auto it = calls_.begin(); it != calls_.end();) {
    it->second->tick(now);
    it = it->second->finished() ? calls_.erase(it) : std::next(it);
  }
  if (shutdown_done_ && (calls_.empty() || now >= shutdown_deadline_)) std::exchange(shutdown_done_, nullptr)();
  tick_later();
}

Reply Endpoint::make_reply(int status) const {
  Reply reply;
  reply.status = status;
  reply.server = config_.user_agent;
  return reply;
}

bool Endpoint::refuse_early(nta_incoming_t* request, const sip_t& sip) {
  const char* scheme = sip.sip_request->rq_url->url_scheme;
  Reply reply = make_reply(0);
  if (sip.sip_require) {
    for (auto* item = sip.sip_require->k_items; item && *item; ++item)
      if (!same_word(*item, "timer") && !same_word(*item, "100rel"))
        reply.unsupported += (reply.unsupported.empty() ? "" : ", ") + std::string(*item);
  }
  if (!scheme || !(same_word(scheme, "sip") || same_word(scheme, "sips") || same_word(scheme, "tel"))) {
    reply.status = 416;
    reply.unsupported.clear();
  } else if (!reply.unsupported.empty()) {
    reply.status = 420;
  }
  if (reply.status == 0) return false;
  if (const auto times = refusal_log_.admit(core::Clock::now()))
    core::log_info("{} from {} refused with {} ({} refusals since the last line)",
                   core::printable(text_of(sip.sip_request->rq_method_name)), source_address(request), reply.status,
                   *times);
  send_reply(request, reply);
  nta_incoming_destroy(request);
  return true;
}

bool Endpoint::refuse_flood(nta_incoming_t* request, const sip_t& sip) {
  if (config_.requests_per_second_per_source == 0) return false;
  const std::string source = source_address(request);
  if (std::ranges::find(config_.trusted_sources, source) != config_.trusted_sources.end()) return false;
  const auto now = core::Clock::now();
  if (flood_guard_.admit(source, now)) return false;
  refused_flood_.add();
  if (const auto times = refusal_log_.admit(now))
    core::log_warn("{} from {} refused with 503, too many requests a second ({} refusals since the last line)",
                   core::printable(text_of(sip.sip_request->rq_method_name)), source, *times);
  Reply reply = make_reply(503);
  reply.retry_after_seconds = kRetryAfterSeconds;
  send_reply(request, reply);
  nta_incoming_destroy(request);
  return true;
}

int Endpoint::receive_outside(nta_incoming_t* request, const sip_t& sip) {
  const sip_method_t method = sip.sip_request->rq_method;
  if (method == sip_method_ack) {  // for nothing we know
    nta_incoming_destroy(request);
    return 0;
  }
  if (refuse_flood(request, sip) || refuse_early(request, sip)) return 0;
  if (method == sip_method_invite && !sip.sip_to->a_tag) {
    receive_invite(request, sip);
    return 0;
  }
  if (method == sip_method_options && !sip.sip_to->a_tag) {
    receive_options(request, sip);
  } else {
    const bool ours = method == sip_method_invite || method == sip_method_options || method == sip_method_bye ||
                      method == sip_method_info || method == sip_method_update || method == sip_method_prack ||
                      method == sip_method_cancel;
    const Reply reply = make_reply(ours ? 481 : method == sip_method_unknown ? 501 : 405);
    if (const auto times = refusal_log_.admit(core::Clock::now()))
      core::log_info("{} outside of calls from {} refused with {} ({} refusals since the last line)",
                     core::printable(text_of(sip.sip_request->rq_method_name)), source_address(request), reply.status,
                     *times);
    send_reply(request, reply);
  }
  nta_incoming_destroy(request);
  return 0;
}

void Endpoint::receive_invite(nta_incoming_t* request, const sip_t& sip) {
  Reply reply = make_reply(100);
  if (availability_.accepting && !full()) {
    send_reply(request, reply);
    const CallId id = next_call_id();
    auto call = std::make_unique<Call>(*context_, id);
    Call& fresh = *call;
    calls_.emplace(id, std::move(call));
    tick_later();
    if (fresh.receive_invite(request, sip)) return;
    nta_incoming_destroy(request);
    return;
  }
  reply.status = 503;
  reply.retry_after_seconds = kRetryAfterSeconds;
  reply.warning = warning_header(config_.advertised_address, full() ? "all lines are busy" : "not accepting calls");
  (full() ? refused_full_ : refused_draining_).add();
  if (const auto times = refusal_log_.admit(core::Clock::now()))
    core::log_warn("INVITE from {} refused with 503, {} ({} refusals since the last line)", source_address(request),
                   full() ? "all lines are busy" : "not accepting calls", *times);
  send_reply(request, reply);
  nta_incoming_destroy(request);
}

void Endpoint::receive_options(nta_incoming_t* request, const sip_t&) {
  Reply reply = make_reply(200);
  if (availability_.accepting && !full()) {
    reply.accept = "application/sdp";
    reply.sdp = availability_.sdp;
  } else {
    reply.status = 503;
    reply.retry_after_seconds = kRetryAfterSeconds;
    reply.warning = warning_header(config_.advertised_address, full() ? "all lines are busy" : "not accepting calls");
  }
  send_reply(request, reply);
}

}  // namespace partyline::sip
