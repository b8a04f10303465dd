// Video rows.
//
// video: what a viewer sees of a stream sent over a lossy path (tests/rtp/video_sender.hpp), both directions losing.
//   frozen:    share of the time beyond 200 ms without a new picture that could be decoded
//   longest:   between two such pictures
//   broken:    pictures handed on as decodable that were not
//   recovered: of the packets lost, those that came in the end
//   overhead:  packets sent again, of those sent
// black_out: nothing comes through for a second, in either direction or (one_way) from the sender only (then for
// up to half a second more, since keyframes are asked for that often meanwhile); from its end to the next picture: the
// worst (after) and the mean of 48 that begin and end anywhere between two pictures. packet_path: sessions on UDP over
// loopback, pictures of seven packets; the floor is recvmmsg() and sendmmsg() alone.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>

#include "rtp/transport/udp_transport.hpp"
#include "tests/bench/rtp_scenario.hpp"
#include "tests/rtp/video_sender.hpp"
#include "tests/support/allocations.hpp"

namespace partyline::bench {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using rtp::test::LossyCall;
using rtp::test::Viewing;

struct Path {
  double loss;
  core::Duration round_trip;
  Codec codec = Codec::h264;
  bool nack = true, rtx = false, layers = false;
};

rtp::TrackConfig track_of(const Path& path) {
  rtp::TrackConfig track = rtp::test::video_track(path.nack);
  if (path.rtx) {
    track.send_format->rtx_payload_type = 97;
    track.receive_formats[0].rtx_payload_type = 97;
  }
  return track;
}

void measure(Results& results, const std::string& name, const Path& path, bool quick) {
  const uint32_t seeds = quick ? 2 : 8;
  double frozen = 0, longest = 0, broken = 0, lost = 0, recovered = 0, sent = 0, resent = 0;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    LossyCall call(path.loss, path.round_trip, seed, path.codec, path.layers, track_of(path), track_of(path));
    const Viewing seen = call.run(quick ? 20s : 60s);
    const auto from = call.world.a.session->stats().video, to = call.world.b.session->stats().video;
    frozen += seen.frozen / seeds;
    longest = std::max(longest, std::chrono::duration<double, std::milli>(seen.longest).count());
    broken += static_cast<double>(seen.broken);
    recovered += static_cast<double>(to.packets_recovered);
    lost += static_cast<double>(to.packets_recovered +
                                (path.rtx ? to.packets_lost - to.packets_recovered : to.packets_lost));
    sent += static_cast<double>(from.packets_sent);
    resent += static_cast<double>(from.packets_resent);
  }
  results.add(name, "frozen", frozen * 100, "%");
  results.add(name, "longest", longest, "ms");
  results.add(name, "broken", broken, "");
  results.add(name, "recovered", lost > 0 ? recovered / lost * 100 : 100, "%");
  results.add(name, "overhead", resent / sent * 100, "%");
}

const Scenario loss_5("video", "loss_5pc_rtt_50", [](Results& results, bool quick) {
  measure(results, "loss_5pc_rtt_50", {.loss = 0.05, .round_trip = 50ms}, quick);
});
const Scenario loss_10("video", "loss_10pc_rtt_100", [](Results& results, bool quick) {
  measure(results, "loss_10pc_rtt_100", {.loss = 0.1, .round_trip = 100ms}, quick);
});
const Scenario loss_10_rtx("video", "loss_10pc_rtx", [](Results& results, bool quick) {
  measure(results, "loss_10pc_rtx", {.loss = 0.1, .round_trip = 100ms, .rtx = true}, quick);
});
const Scenario loss_10_vp8("video", "loss_10pc_vp8", [](Results& results, bool quick) {
  measure(results, "loss_10pc_vp8", {.loss = 0.1, .round_trip = 100ms, .codec = Codec::vp8}, quick);
});
const Scenario no_nack("video", "loss_1pc_no_nack", [](Results& results, bool quick) {
  measure(results, "loss_1pc_no_nack", {.loss = 0.01, .round_trip = 50ms, .nack = false}, quick);
});
const Scenario no_nack_layers("video", "loss_1pc_layers", [](Results& results, bool quick) {
  measure(results, "loss_1pc_layers", {.loss = 0.01, .round_trip = 50ms, .nack = false, .layers = true}, quick);
});

void black_out(Results& results, const std::string& name, core::Duration round_trip, bool quick,
               core::Bitrate rate = {}, bool both_ways = true) {
  const uint32_t seeds = quick ? 8 : 48;
  double worst = 0, mean = 0;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    LossyCall call(0, round_trip, seed);
    call.world.a_to_b.settings.rate = rate;
    call.run(2s + seed * 7ms);
    auto& world = call.world;
    world.a_to_b.settings.loss = 1;
    world.b_to_a.settings.loss = both_ways ? 1 : 0;
    world.run(both_ways ? 1s : 1s + seed * 10ms, [&] { (*call.sender)(); });
    world.a_to_b.settings.loss = world.b_to_a.settings.loss = 0;
    const core::TimePoint over = world.now;
    world.run(3s, [&] { (*call.sender)(); });
    const Viewing seen = rtp::test::judge(*call.sender, world.b, over - 3s, world.now);
    const auto fresh = std::ranges::find_if(seen.shown_at, [&](core::TimePoint at) { return at > over; });
    const core::Duration after = fresh == seen.shown_at.end() ? core::Duration(3s) : *fresh - over;
    worst = std::max(worst, std::chrono::duration<double, std::milli>(after).count());
    mean += std::chrono::duration<double, std::milli>(after).count() / seeds;
  }
  results.add(name, "after", worst, "ms");
  results.add(name, "mean", mean, "ms");
}

const Scenario black_out_20("black_out", "rtt_20",
                            [](Results& results, bool quick) { black_out(results, "rtt_20", 20ms, quick); });
const Scenario black_out_50("black_out", "rtt_50",
                            [](Results& results, bool quick) { black_out(results, "rtt_50", 50ms, quick); });
const Scenario black_out_100("black_out", "rtt_100",
                             [](Results& results, bool quick) { black_out(results, "rtt_100", 100ms, quick); });
const Scenario black_out_200("black_out", "rtt_200",
                             [](Results& results, bool quick) { black_out(results, "rtt_200", 200ms, quick); });
constexpr auto kNarrow = core::Bitrate::kbps(2500);
const Scenario black_out_50_narrow("black_out", "rtt_50_2500k", [](Results& results, bool quick) {
  black_out(results, "rtt_50_2500k", 50ms, quick, kNarrow);
});
const Scenario black_out_100_narrow("black_out", "rtt_100_2500k", [](Results& results, bool quick) {
  black_out(results, "rtt_100_2500k", 100ms, quick, kNarrow);
});
const Scenario black_out_200_narrow("black_out", "rtt_200_2500k", [](Results& results, bool quick) {
  black_out(results, "rtt_200_2500k", 200ms, quick, kNarrow);
});
const Scenario black_out_one_way("black_out", "rtt_100_2500k_one_way", [](Results& results, bool quick) {
  black_out(results, "rtt_100_2500k_one_way", 100ms, quick, kNarrow, false);
});

// ---- packet_path

constexpr size_t kPackets = 7, kBytes = 1100;

struct Cost {
  ThreadCpu sending, receiving;
  uint64_t send_allocations = 0, receive_allocations = 0, sent = 0, received = 0;

  template <class Work>
  void send(Work work) {
    const uint64_t before = test::allocations_by_new();
    sending.start();
    work();
    sending.stop();
    send_allocations += test::allocations_by_new() - before;
  }
  template <class Work>
  void receive(Work work) {
    const uint64_t before = test::allocations_by_new();
    receiving.start();
    work();
    receiving.stop();
    receive_allocations += test::allocations_by_new() - before;
  }
  void add_to(Results& results, const std::string& name) const {
    const auto each = [](double value, uint64_t count) { return count > 0 ? value / static_cast<double>(count) : 0; };
    results.add(name, "send", each(sending.seconds() * 1e9, sent), "ns/packet");
    results.add(name, "receive", each(receiving.seconds() * 1e9, received), "ns/packet");
    results.add(name, "send_heap", each(static_cast<double>(send_allocations), sent), "per packet");
    results.add(name, "receive_heap", each(static_cast<double>(receive_allocations), received), "per packet");
  }
};

void floor_row(Results& results, bool quick) {
  const int rx = ::socket(AF_INET, SOCK_DGRAM, 0), tx = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(rx, name, length) != 0 || ::getsockname(rx, name, &length) != 0) return;
  std::vector<uint8_t> bytes(kBytes, 1), room(kPackets * 2048);
  iovec out{bytes.data(), bytes.size()}, in[kPackets];
  mmsghdr sends[kPackets]{}, receives[kPackets]{};
  for (size_t i = 0; i < kPackets; ++i) {
    in[i] = {&room[i * 2048], 2048};
    sends[i].msg_hdr = {name, length, &out, 1, nullptr, 0, 0};
    receives[i].msg_hdr = {nullptr, 0, &in[i], 1, nullptr, 0, 0};
  }
  Cost cost;
  for (int round = 0; round < (quick ? 2000 : 20000); ++round) {
    cost.send([&] { cost.sent += static_cast<uint64_t>(std::max(0, ::sendmmsg(tx, sends, kPackets, MSG_DONTWAIT))); });
    cost.receive([&] {
      cost.received += static_cast<uint64_t>(std::max(0, ::recvmmsg(rx, receives, kPackets, MSG_DONTWAIT, nullptr)));
    });
  }
  ::close(rx);
  ::close(tx);
  cost.add_to(results, "floor");
}

/// A session on a UDP transport.
struct End final : rtp::TransportEvents, rtp::SessionEvents {
  End(boost::asio::io_context& io, rtp::PortPool& ports, bool sends) {
    auto opened = rtp::UdpTransport::open(io.get_executor(), boost::asio::ip::address_v4::loopback(), ports);
    if (!opened) return;
    transport = *opened;
    rtp::SessionConfig config;
    config.cname = "bench";
    config.tracks = {rtp::test::video_track()};
    config.tracks[0].sending = sends;
    config.tracks[0].receiving = !sends;
    config.tracks[0].bandwidth = core::Bitrate::kbps(1'000'000);
    session = std::make_unique<rtp::Session>(std::move(config), *this, core::Clock::now());
  }
  void on_transport_connected() override {}
  void on_rtp(core::Buffer packet, core::TimePoint now) override {
    ++packets;
    session->receive_rtp(std::move(packet), now);
  }
  // No reports for the sender: it would learn a rate from them and hold back what is measured here.
  void on_rtcp(core::Buffer, core::TimePoint) override {}
  void on_transport_closed(const core::Error&) override {}
  void send_rtp(std::span<const uint8_t> packet) override { transport->send_rtp(packet); }
  void send_rtcp(std::span<const uint8_t> packet) override { transport->send_rtcp(packet); }
  void begin_burst() override { transport->begin_burst(); }
  void end_burst() override { transport->end_burst(); }
  void on_frame(const core::EncodedFrame&) override { ++pictures; }
  void on_digit(char) override {}
  void on_keyframe_request() override {}
  void on_target_bitrate(core::Bitrate) override {}

  std::shared_ptr<rtp::UdpTransport> transport;
  std::unique_ptr<rtp::Session> session;
  uint64_t packets = 0, pictures = 0;
};

void sessions_row(Results& results, bool quick) {
  boost::asio::io_context io;
  rtp::PortPool ports(42000, 42999);
  End from(io, ports, true), to(io, ports, false);
  if (!from.session || !to.session) return;
  const auto endpoint = [](const End& end, int plus) {
    return boost::asio::ip::udp::endpoint(boost::asio::ip::address_v4::loopback(),
                                          static_cast<uint16_t>(end.transport->local_rtp_port() + plus));
  };
  for (auto [one, other] : {std::pair{&from, &to}, std::pair{&to, &from}}) {
    one->transport->set_remote(endpoint(*other, 0), endpoint(*other, 1), true);
    one->transport->start(*one);
  }
  io.poll();
  const auto key = rtp::test::h264_picture(true, kPackets * kBytes - 300, 1);
  const auto delta = rtp::test::h264_picture(false, kPackets * kBytes - 300, 2);
  const core::TimePoint began = core::Clock::now();
  Cost cost;
  const int rounds = quick ? 2000 : 20000, settling = 500;
  for (int round = 0; round < settling + rounds; ++round) {
    if (round == settling) {
      cost = {};
      from.packets = to.packets = to.pictures = 0;
      cost.sent = from.session->stats().video.packets_sent;
    }
    const core::TimePoint now = core::Clock::now();
    const auto ticks = std::chrono::duration_cast<std::chrono::microseconds>(now - began).count() * 9 / 100;
    const auto frame = rtp::test::frame_of(Codec::h264, round == 0 ? key : delta, ticks, now, round == 0);
    cost.send([&] {
      from.session->send(frame, now);
      from.session->tick(now);
    });
    io.restart();
    cost.receive([&] {
      io.poll();
      to.session->tick(core::Clock::now());
    });
  }
  cost.sent = from.session->stats().video.packets_sent - cost.sent;
  cost.received = to.packets;
  if (to.pictures < static_cast<uint64_t>(rounds) * 9 / 10) std::fprintf(stderr, "packet_path: pictures are missing\n");
  cost.add_to(results, "sessions_on_udp");
  from.transport->close();
  to.transport->close();
  io.poll();
}

const Scenario floor_scenario("packet_path", "floor", floor_row);
const Scenario sessions_scenario("packet_path", "sessions_on_udp", sessions_row);

}  // namespace
}  // namespace partyline::bench
