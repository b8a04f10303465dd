#include "rtp/rtcp/rtcp.hpp"

#include <gtest/gtest.h>

#include <array>

namespace partyline::rtp::rtcp {
namespace {

using namespace std::chrono_literals;

class Rtcp : public testing::Test {
 protected:
  Block only_block() {
    Reader reader(writer.packet());
    const auto block = reader.next();
    EXPECT_TRUE(block);
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.malformed());
    return block.value_or(Block{});
  }
  std::array<uint8_t, 1200> room{};
  Writer writer{room};
};

TEST_F(Rtcp, a_compound_of_sender_report_description_and_bye_reads_back) {
  SenderReport report{1, {0x123456789ABCDEF0}, {0xFFFFFFFF}, 10, 1000, {}};
  report.reports.push({7, 64, -5, 0x10002, 33, 44, 55});
  const uint32_t ssrcs[] = {1, 2};
  ASSERT_TRUE(writer.sender_report(report));
  ASSERT_TRUE(writer.source_description(1, "abc@x"));
  ASSERT_TRUE(writer.bye(ssrcs));
  Reader reader(writer.packet());
  const auto sr = parse_sender_report(*reader.next());
  ASSERT_TRUE(sr);
  EXPECT_EQ(sr->ntp, report.ntp);
  EXPECT_EQ(sr->ntp.middle(), 0x56789ABCu);
  EXPECT_EQ(sr->rtp_time, report.rtp_time);
  ASSERT_EQ(sr->reports.size(), 1u);
  EXPECT_EQ(sr->reports[0].cumulative_lost, -5);
  EXPECT_EQ(sr->reports[0].delay_since_last, 55u);
  const auto sdes = parse_source_description(*reader.next());
  ASSERT_TRUE(sdes);
  ASSERT_EQ(sdes->size(), 1u);
  EXPECT_EQ((*sdes)[0].cname, "abc@x");
  const auto bye = parse_bye(*reader.next());
  ASSERT_TRUE(bye);
  EXPECT_EQ(bye->size(), 2u);
  EXPECT_FALSE(reader.next());
}

TEST_F(Rtcp, a_nack_packs_neighbours_across_the_wrap) {
  const Seq16 lost[] = {{65530}, {65535}, {0}, {10}, {11}, {300}};
  ASSERT_TRUE(writer.nack({1, 2}, lost));
  EXPECT_EQ(writer.packet().size(), 4u + 8 + 3 * 4);
  const auto nack = parse_nack(only_block());
  ASSERT_TRUE(nack);
  ASSERT_EQ(nack->sequences.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(nack->sequences[i], lost[i]);
}

TEST_F(Rtcp, keyframe_requests_read_back) {
  ASSERT_TRUE(writer.pli({1, 2}));
  EXPECT_EQ(parse_pli(only_block())->media_ssrc, 2u);
  writer.clear();
  ASSERT_TRUE(writer.fir(1, {9, 200}));
  const auto fir = parse_fir(only_block());
  ASSERT_TRUE(fir);
  ASSERT_EQ(fir->entries.size(), 1u);
  EXPECT_EQ(fir->entries[0].ssrc, 9u);
  EXPECT_EQ(fir->entries[0].command, 200);
}

TEST_F(Rtcp, bitrate_messages_read_back_within_their_precision) {
  const uint32_t ssrcs[] = {5};
  ASSERT_TRUE(writer.remb(1, 2'500'000, ssrcs));
  EXPECT_NEAR(static_cast<double>(parse_remb(only_block())->bits_per_second), 2'500'000, 16);
  writer.clear();
  ASSERT_TRUE(writer.tmmbr(1, {5, 750'000, 40}));
  const auto tmmbr = parse_tmmbr(only_block());
  ASSERT_TRUE(tmmbr);
  EXPECT_NEAR(static_cast<double>(tmmbr->entries[0].bits_per_second), 750'000, 8);
  EXPECT_EQ(tmmbr->entries[0].overhead, 40);
  EXPECT_FALSE(parse_tmmbn(only_block()));
}

TEST_F(Rtcp, an_absurd_bitrate_is_cut_not_overflowed) {
  // mantissa 0x3FFFF, exponent 63
  std::array<uint8_t, 20> remb{0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 0, 0xFF, 0xFF, 0xFF};
  const auto parsed = parse_remb(*Reader(remb).next());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->bits_per_second, uint64_t{INT64_MAX});
}

TEST_F(Rtcp, transport_feedback_reads_back_with_gaps_large_and_negative_deltas) {
  TransportFeedback feedback;
  feedback.base = Seq16{65530};
  feedback.count = 255;
  feedback.reference = 64ms * -3;
  for (int i = 0; i < 40; ++i) feedback.packets.push_back({i % 5 != 3, i % 5 != 3 ? 250us * (i % 256) : 0us});
  feedback.packets.push_back({true, 100ms});
  feedback.packets.push_back({true, -2ms});
  for (int i = 0; i < 30; ++i) feedback.packets.push_back({});
  ASSERT_TRUE(writer.transport_feedback(feedback));
  TransportFeedback read;
  ASSERT_TRUE(parse_transport_feedback(only_block(), read));
  EXPECT_EQ(read.base, feedback.base);
  EXPECT_EQ(read.count, 255);
  EXPECT_EQ(read.reference, feedback.reference);
  ASSERT_EQ(read.packets.size(), feedback.packets.size());
  for (size_t i = 0; i < read.packets.size(); ++i) {
    EXPECT_EQ(read.packets[i].received, feedback.packets[i].received) << i;
    EXPECT_EQ(read.packets[i].delta, feedback.packets[i].delta) << i;
  }
}

TEST_F(Rtcp, extended_reports_read_back) {
  ASSERT_TRUE(writer.receiver_reference(3, {77}));
  EXPECT_EQ(parse_extended_report(only_block())->receiver_reference, NtpTime{77});
  writer.clear();
  const DlrrEntry entry{4, 5, 6};
  ASSERT_TRUE(writer.dlrr(3, {&entry, 1}));
  const auto report = parse_extended_report(only_block());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->dlrr.size(), 1u);
  EXPECT_EQ(report->dlrr[0].delay_since_last, 6u);
}

TEST_F(Rtcp, voip_metrics_are_nine_words_that_read_back) {
  const VoipMetrics metrics{.ssrc = 0x01020304,
                            .lost = 0.25,
                            .discarded = 255.0 / 256,
                            .burst_density = 0.5,
                            .gap_density = 1.0 / 256,
                            .burst_ms = 400,
                            .gap_ms = 65535,
                            .round_trip_ms = 120,
                            .end_system_ms = 60,
                            .rating = 87,
                            .listening_score = 4.2,
                            .conversation_score = 1,
                            .buffer_ms = 40,
                            .buffer_most_ms = 400};
  ASSERT_TRUE(writer.voip_metrics(3, metrics));
  const auto block = only_block();
  ASSERT_EQ(block.body.size(), 40u);
  EXPECT_EQ((std::vector<uint8_t>(block.body.begin() + 4, block.body.begin() + 16)),
            (std::vector<uint8_t>{7, 0, 0, 8, 1, 2, 3, 4, 64, 255, 128, 1}));
  const auto report = parse_extended_report(block);
  ASSERT_TRUE(report && report->voip_metrics);
  EXPECT_EQ(*report->voip_metrics, metrics);
  writer.clear();
  ASSERT_TRUE(writer.voip_metrics(3, {.lost = 1, .rating = 120, .listening_score = 7, .conversation_score = 0}));
  const auto capped = parse_extended_report(only_block())->voip_metrics;
  EXPECT_EQ(capped->lost, 255.0 / 256);
  EXPECT_EQ(capped->rating, 100);
  EXPECT_EQ(capped->listening_score, 5);
  EXPECT_EQ(capped->conversation_score, 1);
}

TEST_F(Rtcp, a_statistics_summary_is_ten_words_that_read_back) {
  StatisticsSummary summary{.ssrc = 0x01020304,
                            .begin = {65530},
                            .end = {44},
                            .lost = 5,
                            .duplicates = 0x01000002,
                            .jitter = StatisticsSummary::Jitter{3, 160, 40, 12}};
  ASSERT_TRUE(writer.statistics_summary(0x0A0B0C0D, summary));
  const auto packet = writer.packet();
  const std::vector<uint8_t> expected{0x80, 207,  0, 11,  10, 11, 12, 13, 6, 0xE0, 0, 9,  1, 2, 3, 4,
                                      0xFF, 0xFA, 0, 44,  0,  0,  0,  5,  1, 0,    0, 2,  0, 0, 0, 3,
                                      0,    0,    0, 160, 0,  0,  0,  40, 0, 0,    0, 12, 0, 0, 0, 0};
  EXPECT_EQ(std::vector<uint8_t>(packet.begin(), packet.end()), expected);
  auto report = parse_extended_report(only_block());
  ASSERT_TRUE(report && report->statistics);
  EXPECT_EQ(*report->statistics, summary);

  writer.clear();
  summary.lost.reset();
  summary.jitter.reset();
  ASSERT_TRUE(writer.statistics_summary(3, summary));
  EXPECT_EQ(writer.packet()[9], 0x40);
  report = parse_extended_report(only_block());
  ASSERT_TRUE(report && report->statistics);
  EXPECT_EQ(*report->statistics, summary);
}

TEST_F(Rtcp, a_block_longer_than_the_packet_is_malformed) {
  ASSERT_TRUE(writer.pli({1, 2}));
  Reader reader(writer.packet().first(writer.packet().size() - 4));
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.malformed());
}

TEST_F(Rtcp, a_report_that_claims_more_blocks_than_it_has_is_refused) {
  ASSERT_TRUE(writer.receiver_report({1, {}}));
  room[0] = 0x83;
  EXPECT_FALSE(parse_receiver_report(only_block()));
}

TEST_F(Rtcp, a_block_that_does_not_fit_leaves_the_compound_as_it_was) {
  std::array<uint8_t, 20> little{};
  Writer small(little);
  ASSERT_TRUE(small.receiver_report({1, {}}));
  EXPECT_FALSE(small.source_description(1, "a name that is too long"));
  EXPECT_EQ(small.packet().size(), 8u);
}

TEST(NtpTime, converts_both_ways_within_a_nanosecond) {
  for (const auto t : {0ns, 1ns, 999'999'999ns, 86400s + 123'456'789ns}) {
    EXPECT_LE(std::chrono::abs(to_duration(to_ntp(t)) - t), 1ns);
  }
  EXPECT_EQ(to_compact(500ms), 32768u);
  EXPECT_EQ(compact_to_duration(65536), 1s);
}

}  // namespace
}  // namespace partyline::rtp::rtcp
