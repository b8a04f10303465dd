// DTLS of a stranger: two channels of ours shake hands in memory, and the input says what happens to their datagrams on
// the way. First byte: bit 0 and 1: the client's, the server's SDP named another certificate; bits 2 and 3: the hash
// both were named by; bit 4: a line "hash fingerprint setup" of SDP comes first. Then what happens, three bytes each:
//
//    0         3     5            8                16               24
//   ┌───────────┬─────┬────────────┬────────────────┬────────────────┐      event: see World::happen; which: of those
//   │ event     │which│ place, high│ place, low     │ value          │      under way; place: of the byte that becomes
//   └───────────┴─────┴────────────┴────────────────┴────────────────┘      value, or where the datagram is cut
//
// Time and chance are ours, so that each run of an input is the same. Whatever came in between: packets arrive as they
// were sent, once; who is connected stays so; a wrong certificate never connects; and where datagrams were only lost,
// repeated and reordered, both connect in the end. Unless the input waited four times or more: OpenSSL gives a
// handshake up after twelve time-outs in a row, and bringing it to its end takes up to eight.
#include "rtp/transport/secure_channel.hpp"

#define OPENSSL_SUPPRESS_DEPRECATED  // RAND_METHOD: a provider would be two pages for the same
#include <openssl/rand.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtp/transport/dtls_identity_impl.hpp"
#include "rtp/transport/packet_kind.hpp"

using namespace partyline;
using namespace partyline::rtp;
using Bytes = std::vector<uint8_t>;

namespace {
constexpr int kMostEndings = 8, kMostWaits = 3;  // together less than OpenSSL's twelve time-outs
int64_t now_us = 0;                              // what OpenSSL takes for the time of day
uint64_t chance = 1;
constexpr time_t kToday = 1'700'000'000;

int fill(unsigned char* bytes, int count) {
  for (int i = 0; i < count; ++i) {
    chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
    bytes[i] = static_cast<unsigned char>(chance >> 56);
  }
  return 1;
}
int ready() {
  return 1;
}

// libFuzzer takes a rise of these for new ground: of OpenSSL, which is not instrumented, it sees what it sends.
[[gnu::used]] __attribute__((section("__libfuzzer_extra_counters"))) uint8_t seen[4096];

void note(bool from_server, std::span<const uint8_t> datagram) {
  const size_t inside =
      datagram.size() > 14 ? datagram[13] * 7U + datagram[14] : 0;  // message type, alert and its kind
  ++seen[(from_server ? 2048 : 0) + (datagram[0] * 61U + inside * 13U + datagram.size() / 64) % 2048];
}
}  // namespace

extern "C" int gettimeofday(struct timeval* into, void*) noexcept {
  into->tv_sec = kToday + now_us / 1'000'000;
  into->tv_usec = now_us % 1'000'000;
  return 0;
}
extern "C" time_t time(time_t* into) noexcept {  // the dates in certificates
  if (into != nullptr) *into = kToday;
  return kToday;
}

namespace {
struct Fixture {
  std::shared_ptr<const DtlsIdentity> client, server;
  Fixture() {
    static const RAND_METHOD method{nullptr, fill, nullptr, nullptr, fill, ready};
    RAND_set_rand_method(&method);
    client = *DtlsIdentity::generate();
    server = *DtlsIdentity::generate();
  }
};

SecurePeer peer_of(const DtlsIdentity& identity, const char* hash, DtlsRole our_role) {
  IceDescription description;
  description.fingerprint_hash = hash;
  description.fingerprint = fingerprint_of(*SSL_CTX_get0_certificate(identity.impl().context.get()), hash);
  description.setup = our_role == DtlsRole::client ? "passive" : "active";
  const auto peer = SecurePeer::from(description);
  if (!peer || peer->our_role != our_role) std::abort();
  return *peer;
}

struct Datagram {
  bool to_server;
  Bytes bytes;
};

struct Side final : SecureChannelOwner {
  Side(boost::asio::io_context& io, const std::shared_ptr<const DtlsIdentity>& identity, const SecurePeer& peer,
       bool is_server, std::deque<Datagram>& way)
      : server(is_server), wire(way), channel(io.get_executor(), identity, peer, *this) {}

  void send_datagram(std::span<const uint8_t> datagram) override {
    if (datagram.empty() || datagram.size() > 1500) std::abort();
    note(server, datagram);
    if (wire.size() < 64) wire.push_back({!server, Bytes(datagram.begin(), datagram.end())});
  }
  void on_secure_connected() override {
    if (connected || closed) std::abort();
    connected = true;
  }
  void on_secure_rtp(core::Buffer packet, core::TimePoint) override { take(packet); }
  void on_secure_rtcp(core::Buffer packet, core::TimePoint) override { take(packet); }
  void on_secure_closed(const core::Error&) override {
    if (closed) std::abort();
    closed = true;
  }
  void take(const core::Buffer& packet) {
    const Bytes bytes(packet.data(), packet.data() + packet.size());
    if (!connected || closed || other->sent.count(bytes) == 0 || !taken.insert(bytes).second) std::abort();
  }
  void send_media() {
    if (!connected || closed) return;
    const auto number = static_cast<uint8_t>(sent.size());
    Bytes rtp{0x80, 96, 0, number, 0, 0, 0, number, 1, 2, 3, static_cast<uint8_t>(server), 0x55, number};
    const Bytes rtcp{0x80, 201, 0, 1, 1, 2, 3, number};
    sent.insert(rtp);
    sent.insert(rtcp);
    channel.send_rtp(rtp);
    channel.send_rtcp(rtcp);
  }

  const bool server;
  std::deque<Datagram>& wire;
  SecureChannel channel;
  const Side* other = nullptr;
  bool connected = false, closed = false;
  std::set<Bytes> sent, taken;
};

struct World {
  boost::asio::io_context io;  // never run: time passes in wait()
  std::deque<Datagram> wire;
  Side client, server;
  bool forged = false;  // something that neither side sent came before both were connected
  int waits = 0;

  World(const Fixture& identities, const SecurePeer& seen_by_client, const SecurePeer& seen_by_server)
      : client(io, identities.client, seen_by_client, false, wire),
        server(io, identities.server, seen_by_server, true, wire) {
    client.other = &server;
    server.other = &client;
    client.channel.path_ready();
    server.channel.path_ready();
  }

  bool both() const { return client.connected && server.connected; }

  void deliver(const Datagram& datagram, bool genuine) {
    Side& side = datagram.to_server ? server : client;
    const bool settled = both() && !side.closed;
    if (!genuine && !side.connected && classify(datagram.bytes) == PacketKind::dtls) forged = true;
    side.channel.receive(core::Buffer::copy_of(datagram.bytes), core::TimePoint{});
    if (settled && side.closed && !side.other->closed) std::abort();  // nobody has said goodbye
  }
  void deliver_changed(const Datagram& original, const Datagram& changed) {
    deliver(changed, changed.bytes == original.bytes);
  }
  void wait(int64_t ms) {
    now_us += ms * 1000;
    client.channel.handle_timeout();
    server.channel.handle_timeout();
  }

  void happen(int event, size_t which, size_t place, uint8_t value) {
    if (event == 7) {
      if (which == 1) return ++waits, wait(value * 8);
      if (which == 3) return client.channel.path_ready(), server.channel.path_ready();
      return (which == 2 ? client : server).send_media();
    }
    if (wire.empty()) return;
    const size_t at = which % wire.size();
    const Datagram original = wire[at];
    Datagram changed = original;
    if (event == 3 || event == 4) changed.bytes[place % changed.bytes.size()] = value;
    if (event == 5) changed.bytes.resize(std::min(place, changed.bytes.size()));
    if (event != 2 && event != 3 && event != 5) wire.erase(wire.begin() + static_cast<ptrdiff_t>(at));
    if (event != 1) deliver_changed(original, changed);  // 0: arrives, 1: is lost, 2: arrives and comes again, 3 and 5:
  }                                                      // changed or cut, then comes as it was, 4: comes changed only

  void settle() {
    constexpr int longest_timer = 2100;  // ms
    for (int round = 0; round < kMostEndings && !both(); ++round) {
      for (int i = 0; i < 100 && !wire.empty(); ++i) {
        const Datagram datagram = std::move(wire.front());
        wire.pop_front();
        deliver(datagram, true);
      }
      if (!both()) wait(longest_timer);
    }
    wire.clear();
  }

  void check_media_and_goodbye() {
    if (client.closed || server.closed) return;
    const size_t to_client = client.taken.size(), to_server = server.taken.size();
    client.send_media();
    server.send_media();
    client.channel.close();
    client.closed = true;
    while (!wire.empty()) {
      deliver(wire.front(), true);
      wire.pop_front();
    }
    if (client.taken.size() != to_client || server.taken.size() != to_server + 2) std::abort();
    if (!server.closed) std::abort();
  }
};

void read_description(std::string_view line) {
  IceDescription description;
  const auto word = [&line] {
    const std::string_view found = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(found.size() + 1, line.size()));
    return std::string(found);
  };
  description.fingerprint_hash = word();
  description.fingerprint = word();
  description.setup = word();
  if (const auto peer = SecurePeer::from(description))
    if ((peer->our_role == DtlsRole::client) != (std::strcmp(peer->our_setup(), "active") == 0)) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture identities;
  static constexpr std::array kHashes{"sha-256", "SHA-1", "sha-384", "Sha-512"};
  now_us = 0;
  chance = 7;
  if (size == 0) return 0;
  const uint8_t flags = data[0];
  size_t at = 1;
  if (flags & 16) {
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string_view line = rest.substr(0, rest.find('\n'));
    read_description(line);
    at = std::min(size, at + line.size() + 1);
  }
  const bool client_right = (flags & 1) == 0, server_right = (flags & 2) == 0;
  const char* hash = kHashes[flags >> 2 & 3];
  World world(identities, peer_of(client_right ? *identities.server : *identities.client, hash, DtlsRole::client),
              peer_of(server_right ? *identities.client : *identities.server, hash, DtlsRole::server));
  for (int events = 0; at + 2 < size && events < 64; ++events) {
    const uint8_t event = data[at] & 7, which = data[at] >> 3 & 3;
    const size_t place = (data[at] >> 5) * 256U + data[at + 1];
    const uint8_t value = data[at + 2];
    at += 3;
    if (event == 6) {  // bytes of the input's own
      const size_t length = std::min<size_t>(place, size - at);
      world.deliver({(which & 1) != 0, Bytes(data + at, data + at + length)}, false);
      at += length;
    } else {
      world.happen(event, which, place, value);
    }
  }
  world.settle();
  if ((world.client.connected && !client_right) || (world.server.connected && !server_right)) std::abort();
  if (world.both()) {
    world.check_media_and_goodbye();
  } else if (client_right && server_right && !world.forged && world.waits <= kMostWaits) {
    std::abort();
  }
  return 0;
}
