#include "rtp/packet.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "rtp/wire_types.hpp"

namespace partyline::rtp {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Packet, what_the_writer_writes_the_parser_reads) {
  std::array<uint8_t, 100> room{};
  PacketWriter writer(room, {true, 111, Seq16{0xFFFF}, RtpTime32{0xFFFFFFFE}, 0xDEADBEEF});
  const Bytes sequence{0x12, 0x34}, level{0x85}, payload{1, 2, 3};
  EXPECT_TRUE(writer.add_extension(3, sequence));
  EXPECT_TRUE(writer.add_extension(1, level));
  EXPECT_TRUE(writer.append(payload));
  const auto view = parse_packet(writer.packet());
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->marker);
  EXPECT_EQ(view->payload_type, 111);
  EXPECT_EQ(view->sequence, Seq16{0xFFFF});
  EXPECT_EQ(view->timestamp, RtpTime32{0xFFFFFFFE});
  EXPECT_EQ(view->ssrc, 0xDEADBEEF);
  EXPECT_EQ(view->transport_sequence(3), Seq16{0x1234});
  EXPECT_EQ(view->audio_level(1), 5);
  EXPECT_FALSE(view->audio_level(2));
  EXPECT_EQ(Bytes(view->payload.begin(), view->payload.end()), payload);
}

TEST(Packet, two_byte_extensions_are_found_and_their_padding_skipped) {
  const Bytes packet{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0x00, 0, 2, 0, 20, 0, 21, 2, 7, 8, 0, 0xAA};
  const auto view = parse_packet(packet);
  ASSERT_TRUE(view);
  ASSERT_TRUE(view->extension(20));
  EXPECT_TRUE(view->extension(20)->empty());
  EXPECT_EQ(view->transport_sequence(21), (Seq16{0x0708}));
  EXPECT_EQ(view->payload.size(), 1u);
}

TEST(Packet, an_extension_element_that_runs_out_of_its_block_is_not_returned) {
  const Bytes packet{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 1, 0x1F, 1, 2, 3, 0xAA, 0xBB, 0xCC};
  const auto view = parse_packet(packet);
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->extension(1));
}

TEST(Packet, padding_is_taken_off_and_impossible_padding_refused) {
  Bytes packet{0xA0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 0, 2};
  ASSERT_TRUE(parse_packet(packet));
  EXPECT_EQ(parse_packet(packet)->payload.size(), 2u);
  packet.back() = 0;
  EXPECT_FALSE(parse_packet(packet));
  packet.back() = 5;
  EXPECT_FALSE(parse_packet(packet));
  packet.back() = 4;  // padding only: a probe
  ASSERT_TRUE(parse_packet(packet));
  EXPECT_TRUE(parse_packet(packet)->payload.empty());
}

TEST(Packet, every_cut_of_a_packet_is_parsed_or_refused_but_never_read_beyond) {
  const Bytes whole{0x92, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 0x10, 5, 0, 0, 7};
  for (size_t n = 0; n < whole.size(); ++n) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(parse_packet(cut).has_value(), n >= 28) << n;
  }
}

TEST(Packet, rtcp_and_other_versions_are_not_rtp) {
  Bytes packet(28, 0);
  packet[0] = 0x80;
  packet[1] = 200;
  EXPECT_TRUE(is_rtcp(packet));
  EXPECT_FALSE(parse_packet(packet));
  packet[0] = 0x40;
  packet[1] = 0;
  EXPECT_FALSE(parse_packet(packet));
}

TEST(Packet, fields_are_changed_in_place) {
  std::array<uint8_t, 64> room{};
  PacketWriter writer(room, {false, 96, Seq16{1}, RtpTime32{2}, 3});
  const Bytes one{0, 1}, two{0, 2};
  ASSERT_TRUE(writer.add_extension(5, one));
  ASSERT_TRUE(writer.append(Bytes{9}));
  set_sequence(writer.packet(), Seq16{100});
  set_timestamp(writer.packet(), RtpTime32{200});
  set_ssrc(writer.packet(), 300);
  set_payload_type(writer.packet(), 100);
  set_marker(writer.packet(), true);
  EXPECT_TRUE(set_extension(writer.packet(), 5, two));
  const auto view = parse_packet(writer.packet());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->sequence.value, 100);
  EXPECT_EQ(view->timestamp.value, 200u);
  EXPECT_EQ(view->ssrc, 300u);
  EXPECT_EQ(view->payload_type, 100);
  EXPECT_TRUE(view->marker);
  EXPECT_EQ(view->transport_sequence(5), Seq16{2});
}

TEST(Packet, a_writer_without_room_refuses_and_stays_whole) {
  std::array<uint8_t, 14> room{};
  PacketWriter writer(room, {});
  EXPECT_FALSE(writer.add_extension(1, Bytes{1}));
  EXPECT_FALSE(writer.append(Bytes{1, 2, 3}));
  EXPECT_TRUE(writer.append(Bytes{1, 2}));
  EXPECT_EQ(writer.packet().size(), 14u);
}

TEST(Unwrapper, sequence_numbers_go_on_through_the_wrap_and_back) {
  SequenceUnwrapper unwrapper;
  EXPECT_EQ(unwrapper.unwrap(Seq16{65534}), 65534);
  EXPECT_EQ(unwrapper.unwrap(Seq16{1}), 65537);
  EXPECT_EQ(unwrapper.unwrap(Seq16{65535}), 65535);
  EXPECT_EQ(unwrapper.unwrap(Seq16{0}), 65536);
}

TEST(Unwrapper, a_packet_older_than_the_first_unwraps_below_it) {
  SequenceUnwrapper unwrapper;
  unwrapper.unwrap(Seq16{0});
  EXPECT_EQ(unwrapper.unwrap(Seq16{65535}), -1);
  EXPECT_EQ(unwrapper.unwrap(Seq16{3}), 3);
}

TEST(Unwrapper, timestamps_go_on_through_the_wrap) {
  RtpTimeUnwrapper unwrapper;
  EXPECT_EQ(unwrapper.unwrap(RtpTime32{0xFFFFFF00}), 0xFFFFFF00);
  EXPECT_EQ(unwrapper.unwrap(RtpTime32{0x100}), 0x100000100);
  EXPECT_EQ(unwrapper.peek(RtpTime32{0xFFFFFF00}), 0xFFFFFF00);
}

}  // namespace
}  // namespace partyline::rtp
