// wire: two network namespaces and a bad link between them, for kernels without netem, or whose tc nobody may call.
//
//   side "gateway" (TUN)  ◀── loss, delay ± jitter, rate ──▶  side "people" (TUN)
//
// The namespaces have no names: they live in this process's descriptors and are gone with it and with those that were
// started inside, whatever happened. It prints one line, {"gateway": FD, "people": FD}, which others open as
// /proc/PID/fd/FD, and then obeys lines on standard input: "loss=5 delay=50 jitter=20 rate=0", percent, milliseconds
// and kbit/s, both ways. "lost" is answered with the number of packets that were. It ends with its input. Whatever must
// be root fails in words and with exit code 3.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr size_t kMaxQueued = 4000;       // packets under way, each direction
constexpr Milliseconds kMaxBacklog{500};  // what waits for a full line longer than this is dropped

struct Link {
  double loss = 0, delay = 0, jitter = 0, rate = 0;

  void set(const std::string& word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return;
    const double value = std::atof(word.c_str() + equals + 1);
    const std::string name = word.substr(0, equals);
    if (name == "loss") loss = value;
    if (name == "delay") delay = value;
    if (name == "jitter") jitter = value;
    if (name == "rate") rate = value;
  }
};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "wire: %s: %s\n", what, std::strerror(errno));
  std::exit(3);
}

void bring_up(const char* interface, int mtu) {
  const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (mtu > 0) {
    request.ifr_mtu = mtu;
    if (::ioctl(s, SIOCSIFMTU, &request) != 0) give_up("MTU");
  }
  if (::ioctl(s, SIOCGIFFLAGS, &request) != 0) give_up("interface flags");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  if (::ioctl(s, SIOCSIFFLAGS, &request) != 0) give_up("bringing an interface up");
  ::close(s);
}

struct Side {
  int space = -1;  // the namespace
  int tun = -1;
  // The other direction of a link has a queue and a line of its own.
  std::multimap<Clock::time_point, std::vector<char>> under_way;  // towards this side
  Clock::time_point line_free, last;
};

void make_side(Side& side) {
  if (::unshare(CLONE_NEWNET) != 0) give_up("a network namespace");
  side.space = ::open("/proc/thread-self/ns/net", O_RDONLY);
  side.tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (side.space < 0 || side.tun < 0) give_up("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, "wire", IFNAMSIZ - 1);
  if (::ioctl(side.tun, TUNSETIFF, &request) != 0) give_up("a TUN interface");
  bring_up("lo", 0);
  bring_up("wire", 1500);
}

class Wire {
 public:
  Wire() {
    make_side(sides_[0]);
    make_side(sides_[1]);
    std::printf("{\"gateway\": %d, \"people\": %d}\n", sides_[0].space, sides_[1].space);
    std::fflush(stdout);
  }

  void run() {
    std::array<pollfd, 3> waits{{{sides_[0].tun, POLLIN, 0}, {sides_[1].tun, POLLIN, 0}, {0, POLLIN, 0}}};
    for (;;) {
      const Clock::time_point now = Clock::now();
      deliver(now);
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(next() - now);
      timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
      if (left.count() < 0) timeout = {0, 0};
      ::ppoll(waits.data(), waits.size(), &timeout, nullptr);
      if (waits[2].revents != 0 && !obey()) return;
      for (size_t from : {size_t{0}, size_t{1}}) take(from);
    }
  }

 private:
  Clock::time_point next() const {
    Clock::time_point earliest = Clock::now() + std::chrono::seconds(1);
    for (const Side& side : sides_)
      if (!side.under_way.empty()) earliest = std::min(earliest, side.under_way.begin()->first);
    return earliest;
  }

  void deliver(Clock::time_point now) {
    for (Side& side : sides_) {
      while (!side.under_way.empty() && side.under_way.begin()->first <= now) {
        const auto& packet = side.under_way.begin()->second;
        // A full interface loses the packet, as a wire would.
        if (::write(side.tun, packet.data(), packet.size()) < 0 && errno != EAGAIN && errno != EIO) give_up("TUN");
        side.under_way.erase(side.under_way.begin());
      }
    }
  }

  bool obey() {
    std::array<char, 1024> text;
    const ssize_t size = ::read(0, text.data(), text.size());
    if (size <= 0) return false;
    std::istringstream words(std::string(text.data(), static_cast<size_t>(size)));
    for (std::string word; words >> word;) {
      link_.set(word);
      if (word == "lost") {
        std::printf("%ld\n", lost_);
        std::fflush(stdout);
      }
    }
    return true;
  }

  void take(size_t from) {
    Side& to = sides_[1 - from];
    std::array<char, 65536> bytes;
    for (;;) {
      const ssize_t size = ::read(sides_[from].tun, bytes.data(), bytes.size());
      if (size <= 0) return;
      const Clock::time_point now = Clock::now();
      if (uniform_(random_) * 100 < link_.loss || to.under_way.size() >= kMaxQueued) {
        ++lost_;
        continue;
      }
      Clock::time_point at = now;
      if (link_.rate > 0) {
        to.line_free = std::max(to.line_free, now);
        if (to.line_free - now > kMaxBacklog) {
          ++lost_;
          continue;
        }
        to.line_free += after(static_cast<double>(size) * 8 / link_.rate);
        at = to.line_free;
      }
      at += after(link_.delay + (2 * uniform_(random_) - 1) * link_.jitter);
      to.last = std::max(to.last, at);  // later, but never overtaking
      to.under_way.emplace(to.last, std::vector<char>(bytes.data(), bytes.data() + size));
    }
  }

  static Clock::duration after(double milliseconds) {
    return std::chrono::duration_cast<Clock::duration>(Milliseconds(std::max(milliseconds, 0.0)));
  }

  std::array<Side, 2> sides_;
  Link link_;
  long lost_ = 0;
  std::mt19937_64 random_{1};
  std::uniform_real_distribution<double> uniform_{0, 1};
};

}  // namespace

int main() {
  Wire wire;
  wire.run();
}
