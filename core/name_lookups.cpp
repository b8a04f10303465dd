#include "core/name_lookups.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "core/bell.hpp"
#include "core/mutex.hpp"

namespace partyline::core {

namespace asio = boost::asio;
using asio::ip::address;

namespace {

std::optional<address> address_of(const addrinfo& entry) {
  if (entry.ai_family == AF_INET) {
    const auto* const from = reinterpret_cast<const sockaddr_in*>(entry.ai_addr);
    return asio::ip::address_v4(ntohl(from->sin_addr.s_addr));
  }
  if (entry.ai_family != AF_INET6) return std::nullopt;
  const auto* const from = reinterpret_cast<const sockaddr_in6*>(entry.ai_addr);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &from->sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes, from->sin6_scope_id);
}

Result<NameLookups::Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once a protocol
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    return make_error(ErrorCode::unavailable, std::string("name look-up failed: ") + ::gai_strerror(error));
  NameLookups::Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next)
    if (const auto each = address_of(*entry)) addresses.push_back(*each);
  ::freeaddrinfo(found);
  if (addresses.empty()) return make_error(ErrorCode::unavailable, "name look-up failed: no address");
  return addresses;
}

}  // namespace

/// Somebody who waits. Not an executor's handler: the executor may be gone when a thread that was left behind answers.
struct NameLookups::Request {
  std::string host;
  Bell bell;
  std::optional<Result<Addresses>> answer;  // under the mutex
};

struct NameLookups::Shared : std::enable_shared_from_this<Shared> {
  struct Name {
    std::vector<std::shared_ptr<Request>> askers;  // running and none: its thread is left behind
    bool running = false;                          // else it is in `waiting`
  };

  void add(const std::shared_ptr<Request>& request) {
    const std::lock_guard lock(mutex);
    if (const auto same = under_way.find(request->host); same != under_way.end()) return join(same->second, request);
    if (may_start() && start_thread(request->host)) {
      under_way[request->host] = {{request}, true};
    } else if (threads > 0 && waiting.size() < kMostWaiting) {
      under_way[request->host] = {{request}, false};
      waiting.push_back(request->host);
    } else {
      refuse(*request);
    }
  }
  void join(Name& name, const std::shared_ptr<Request>& request) {
    if (name.askers.size() >= kMostAskers) return refuse(*request);
    if (name.running && name.askers.empty()) --left_behind;
    name.askers.push_back(request);
  }
  static void refuse(Request& request) {
    request.answer = make_error(ErrorCode::limit, "too many name look-ups are under way");
    request.bell.ring();
  }
  /// He waits no longer.
  void leave(const std::shared_ptr<Request>& request) {
    const std::lock_guard lock(mutex);
    const auto found = under_way.find(request->host);
    if (found == under_way.end() || std::erase(found->second.askers, request) == 0) return;
    if (!found->second.askers.empty()) return;
    if (found->second.running) {
      ++left_behind;
      start_waiting();
    } else {
      std::erase(waiting, request->host);
      under_way.erase(found);
    }
  }
  bool may_start() const { return threads - left_behind < kMostAtOnce && threads < kMostThreads; }
  bool start_thread(const std::string& host) {
    try {
      std::thread([self = shared_from_this(), host] { self->run(host); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++threads;
    return true;
  }
  void start_waiting() {
    while (!waiting.empty() && may_start() && start_thread(waiting.front())) under_way[take_waiting()].running = true;
  }
  std::string take_waiting() {
    std::string host = std::move(waiting.front());
    waiting.pop_front();
    return host;
  }
  void run(std::string host) {
    for (;;) {
      const auto answer = resolver(host);
      const std::lock_guard lock(mutex);
      const auto answered = under_way.extract(host);
      if (answered.mapped().askers.empty()) --left_behind;
      for (const auto& request : answered.mapped().askers) {
        request->answer = answer;
        request->bell.ring();
      }
      --threads;
      if (waiting.empty() || !may_start()) return;
      ++threads;
      host = take_waiting();
      under_way[host].running = true;
    }
  }
  static asio::awaitable<Result<Addresses>> wait(std::shared_ptr<Shared> self, std::shared_ptr<Request> request,
                                                 TimePoint deadline) {
    using namespace asio::experimental::awaitable_operators;
    constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
    struct Listener {
      ~Listener() { descriptor.release(); }  // it is the bell's
      asio::posix::stream_descriptor descriptor;
    };
    const auto executor = co_await asio::this_coro::executor;
    Listener listener{asio::posix::stream_descriptor(executor, request->bell.descriptor())};
    asio::steady_timer timer(executor, deadline);
    co_await (listener.descriptor.async_wait(asio::posix::stream_descriptor::wait_read, kTuple) ||
              timer.async_wait(kTuple));
    const std::lock_guard lock(self->mutex);
    if (request->answer) co_return *request->answer;
    co_return make_error(ErrorCode::timeout, "name look-up took too long");
  }

  Resolver resolver;
  Mutex mutex;
  std::map<std::string, Name> under_way;  // those that wait included
  std::deque<std::string> waiting;
  size_t threads = 0, left_behind = 0;
};

NameLookups::NameLookups(Resolver resolver) : shared_(std::make_shared<Shared>()) {
  shared_->resolver = std::move(resolver);
}

NameLookups& NameLookups::of_process() {
  static NameLookups& instance = *new NameLookups(ask_system);  // outlives the threads that are left behind
  return instance;
}

asio::awaitable<Result<NameLookups::Addresses>> NameLookups::find(std::string host, TimePoint deadline) {
  std::vector<std::string> hosts;
  hosts.push_back(std::move(host));
  auto answers = co_await find_all(std::move(hosts), deadline);
  co_return std::move(answers.front());
}

asio::awaitable<std::vector<Result<NameLookups::Addresses>>> NameLookups::find_all(std::vector<std::string> hosts,
                                                                                   TimePoint deadline) {
  const auto shared = shared_;
  std::vector<Result<Addresses>> answers;
  struct Requests : std::vector<std::shared_ptr<Request>> {
    explicit Requests(std::shared_ptr<Shared> s) : shared(std::move(s)) {}
    Requests(const Requests&) = delete;
    ~Requests() {
      for (const auto& request : *this)
        if (request) shared->leave(request);
    }
    std::shared_ptr<Shared> shared;
  } requests(shared);
  for (const std::string& host : hosts) {
    boost::system::error_code error;
    const address literal = asio::ip::make_address(host, error);
    std::shared_ptr<Request> request;
    answers.emplace_back(Addresses{literal});
    try {
      if (error) request = std::make_shared<Request>();
    } catch (const std::system_error& full) {
      answers.back() = make_error(ErrorCode::limit, std::string("name look-up failed: ") + full.what());
    }
    if (request) {
      request->host = host;
      shared->add(request);
    }
    requests.push_back(std::move(request));
  }
  for (size_t i = 0; i < hosts.size(); ++i)
    if (requests[i]) answers[i] = co_await Shared::wait(shared, requests[i], deadline);
  co_return answers;
}

}  // namespace partyline::core
