// Two who speak the same codec: their packets go from one to the other, and into a mix when a third one comes.
#include <gtest/gtest.h>

#include <vector>

#include "mixer/audio/audio_room.hpp"

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;

struct Ear final : core::FrameSink {
  std::vector<core::EncodedFrame> heard;
  void push(const core::EncodedFrame& frame) override { heard.push_back(frame); }
};

// A square wave of 400 Hz.
std::vector<uint8_t> packet_of(uint8_t voice) {
  std::vector<uint8_t> bytes(160);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>((i / 10) % 2 == 0 ? voice : voice | 0x80);
  return bytes;
}

constexpr AudioFormat kPcmu{core::Codec::pcmu, 1, 20, {}, 0};

struct Call {
  AudioRoom room{core::Bitrate::kbps(64)};
  core::TimePoint now{1000h};
  struct Person {
    std::shared_ptr<AudioSource> source;
    std::shared_ptr<Ear> ear = std::make_shared<Ear>();
    uint8_t voice = 0;
    core::Codec codec = core::Codec::pcmu;
    int64_t sequence = 0;
  };
  std::map<uint64_t, Person> people;

  Call() { room.pass_through(); }
  void join(uint64_t member, uint8_t voice, const AudioFormat& format = kPcmu) {
    Person& person = people[member];
    person.voice = voice;
    person.source = room.add_source(member);
    ASSERT_TRUE(room.add_output(100 + member, member, format, person.ear));
  }
  void leave(uint64_t member) {
    room.remove_output(100 + member);
    room.remove_source(member);
    people.erase(member);
  }
  void run(core::Duration duration) {
    for (const auto until = now + duration; now < until; now += 20ms) {
      for (auto& [member, person] : people) {
        core::EncodedFrame frame;
        frame.codec = person.codec;
        frame.buffer = core::Buffer::copy_of(packet_of(person.voice));
        frame.data = std::as_const(frame.buffer).span();
        frame.sequence = person.sequence;
        frame.rtp_time = static_cast<int64_t>(member) * 1'000'000 + 160 * person.sequence++;
        frame.capture = frame.arrival = now - 5ms;
        room.push(*person.source, frame);
      }
      room.tick(now);
    }
  }
  bool hears_as_it_was(uint64_t member, uint8_t voice) {
    const auto& heard = people[member].ear->heard;
    return !heard.empty() && std::ranges::equal(heard.back().data, packet_of(voice));
  }
};

TEST(AudioRoomPass, what_his_own_screen_plays_is_passed_to_nobody) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.room.set_unheard_by(2, 1);
  call.run(3s);
  EXPECT_FALSE(call.hears_as_it_was(1, 0x32));
  EXPECT_TRUE(call.hears_as_it_was(2, 0x21));
  call.room.set_unheard_by(2, 0);
  call.run(3s);
  EXPECT_TRUE(call.hears_as_it_was(1, 0x32));
  call.room.set_unheard_by(2, 1);
  call.run(3s);
  EXPECT_FALSE(call.hears_as_it_was(1, 0x32));
}

TEST(AudioRoomPass, two_of_the_same_codec_are_passed_through_and_nothing_is_encoded) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(500ms);
  EXPECT_EQ(call.room.stats().passed, 0) << "a second must pass first";
  call.run(2s);
  EXPECT_EQ(call.room.stats().passed, 2);
  EXPECT_EQ(call.room.stats().outputs, 2);
  EXPECT_TRUE(call.hears_as_it_was(1, 0x32));
  EXPECT_TRUE(call.hears_as_it_was(2, 0x21));
  const auto encoded = call.room.stats().packets_encoded;
  call.run(1s);
  EXPECT_EQ(call.room.stats().packets_encoded, encoded);
  EXPECT_EQ(call.room.stats().encoders, 0);
}

TEST(AudioRoomPass, nothing_waits_here_while_it_is_passed_on) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(900ms);
  EXPECT_GT(call.people[1].source->stats().buffered_ms, 0);
  call.run(2s);
  ASSERT_EQ(call.room.stats().passed, 2);
  EXPECT_EQ(call.people[1].source->stats().buffered_ms, 0);
  const auto frames = call.people[1].source->stats().frames;
  call.run(1s);
  EXPECT_EQ(call.people[1].source->stats().frames, frames) << "tells that nobody plays it here";
}

TEST(AudioRoomPass, everybody_hears_a_packet_each_20_ms_whoever_comes_and_goes) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(3s);
  call.join(3, 0x43);
  call.run(1s);
  EXPECT_EQ(call.room.stats().passed, 0);
  call.leave(3);
  call.run(3s);
  EXPECT_EQ(call.room.stats().passed, 2);
  for (const uint64_t member : {uint64_t{1}, uint64_t{2}}) {
    const auto& heard = call.people[member].ear->heard;
    EXPECT_GE(heard.size(), 348u);
    EXPECT_LE(heard.size(), 351u);
    for (size_t i = 1; i < heard.size(); ++i) {
      EXPECT_GE(heard[i].rtp_time - heard[i - 1].rtp_time, 160) << i;
      EXPECT_LE(heard[i].rtp_time - heard[i - 1].rtp_time, 480) << i;
    }
  }
}

TEST(AudioRoomPass, the_mix_that_comes_back_is_warm) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(3s);
  call.people[1].ear->heard.clear();
  call.join(3, 0xFF);  // silent
  call.run(1s);
  for (const auto& frame : call.people[1].ear->heard)
    EXPECT_NE(frame.data[80], 0xFF) << "not one packet of silence in between";
}

TEST(AudioRoomPass, other_codecs_and_what_is_done_to_a_voice_keep_the_mix) {
  const auto passed_after = [](auto change) {
    Call call;
    call.join(1, 0x21);
    call.join(2, 0x32);
    call.run(3s);
    change(call);
    call.run(3s);
    return call.room.stats().passed;
  };
  EXPECT_EQ(passed_after([](Call&) {}), 2);
  EXPECT_EQ(passed_after([](Call& call) { call.room.allow_passing(false); }), 0);
  EXPECT_EQ(passed_after([](Call& call) {
              call.people[1].source->set_muted(true);
              call.room.replan();
            }),
            1)
      << "who is muted still hears the other as he is";
  EXPECT_EQ(passed_after([](Call& call) {
              call.people[1].source->set_gain(0.5F);
              call.room.replan();
            }),
            1);
  EXPECT_EQ(passed_after([](Call& call) {
              call.people[2].source->set_processing({false, true, false});
              call.room.replan();
            }),
            1);
  EXPECT_EQ(passed_after(
                [](Call& call) { ASSERT_TRUE(call.room.add_output(7, std::nullopt, kPcmu, std::make_shared<Ear>())); }),
            0)
      << "somebody hears the whole mix";
  Call mixed;
  mixed.join(1, 0x21);
  mixed.join(2, 0x32, {core::Codec::opus, 1, 20, {}, 0});
  mixed.run(3s);
  EXPECT_EQ(mixed.room.stats().passed, 1) << "one way the codecs are the same";
}

TEST(AudioRoomPass, who_is_muted_is_silent_from_the_next_packet_on) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(3s);
  call.people[2].source->set_muted(true);
  call.room.replan();
  call.people[1].ear->heard.clear();
  call.run(1s);
  for (const auto& frame : call.people[1].ear->heard) EXPECT_FALSE(std::ranges::equal(frame.data, packet_of(0x32)));
}

TEST(AudioRoomPass, who_sends_another_codec_for_a_while_is_passed_again_some_time_after_he_stops) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(3s);
  ASSERT_EQ(call.room.stats().passed, 2);
  call.people[2].codec = core::Codec::pcma;
  call.run(5s);
  EXPECT_EQ(call.room.stats().passed, 1);
  call.people[2].codec = core::Codec::pcmu;
  call.run(30s);
  EXPECT_EQ(call.room.stats().passed, 2);
  EXPECT_TRUE(call.hears_as_it_was(1, 0x32));
}

TEST(AudioRoomPass, whose_path_loses_gets_an_encode_that_expects_it_and_is_passed_to_again_after) {
  const AudioFormat opus{core::Codec::opus, 1, 20, {}, 0};
  AudioFormat lossy = opus;
  lossy.expected_loss = 10;
  AudioEncoderConfig config;
  config.packet_samples = kTickSamples;
  const auto encoder = std::move(make_opus_encoder(config).value());
  std::vector<float> silence(kTickSamples);
  AudioRoom room{core::Bitrate::kbps(64)};
  room.pass_through();
  const auto talker = room.add_source(1), listener = room.add_source(2);
  const auto ear = std::make_shared<Ear>();
  ASSERT_TRUE(room.add_output(102, 2, opus, ear));
  core::TimePoint now{1000h};
  const auto run = [&](int ticks) {
    static int64_t sequence = 0;
    for (int i = 0; i < ticks; ++i, now += 20ms) {
      core::EncodedFrame frame;
      frame.codec = core::Codec::opus;
      frame.buffer = core::Buffer::allocate(kMaxEncodedAudio);
      frame.buffer.resize(encoder->encode(silence, {frame.buffer.data(), kMaxEncodedAudio}));
      frame.data = std::as_const(frame.buffer).span();
      frame.sequence = sequence;
      frame.rtp_time = 960 * sequence++;
      frame.capture = frame.arrival = now - 5ms;
      room.push(*talker, frame);
      room.tick(now);
    }
  };
  run(150);
  ASSERT_EQ(room.stats().passed, 1);
  EXPECT_TRUE(room.set_format(102, lossy));
  run(50);
  EXPECT_EQ(room.stats().passed, 0) << "what was sent to us has no second copies for him";
  EXPECT_TRUE(room.set_format(102, opus));
  run(150);
  EXPECT_EQ(room.stats().passed, 1);
  EXPECT_GE(ear->heard.size(), 348u) << "nothing is missing and nothing is twice there";
  EXPECT_LE(ear->heard.size(), 352u);
  EXPECT_FALSE(room.set_format(102, kPcmu)) << "another codec is another output";
  EXPECT_FALSE(room.set_format(7, lossy));
}

TEST(AudioRoomPass, an_output_in_the_mix_changes_its_encoder_without_a_gap) {
  Call call;
  AudioFormat opus{core::Codec::opus, 1, 20, {}, 0};
  call.join(1, 0x21, opus);
  call.join(2, 0x32, opus);
  call.join(3, 0x43, opus);
  call.run(1s);
  opus.expected_loss = 10;
  for (const uint64_t member : {1, 2, 3}) ASSERT_TRUE(call.room.set_format(100 + member, opus));
  call.run(1s);
  const auto& heard = call.people[1].ear->heard;
  ASSERT_GE(heard.size(), 98u);
  for (size_t i = 1; i < heard.size(); ++i) EXPECT_EQ(heard[i].rtp_time - heard[i - 1].rtp_time, 960) << i;
}

TEST(AudioRoomPass, one_alone_is_forwarded_to_those_who_only_listen) {
  Call call;
  call.join(1, 0x21);
  const auto viewer = std::make_shared<Ear>();
  ASSERT_TRUE(call.room.add_output(7, std::nullopt, kPcmu, viewer));
  call.run(3s);
  EXPECT_EQ(call.room.stats().passed, 1) << "not to himself";
  ASSERT_FALSE(viewer->heard.empty());
  EXPECT_TRUE(std::ranges::equal(viewer->heard.back().data, packet_of(0x21)));
}

TEST(AudioRoomPass, an_output_that_is_passed_can_be_removed) {
  Call call;
  call.join(1, 0x21);
  call.join(2, 0x32);
  call.run(3s);
  const auto ear = call.people[1].ear;
  call.leave(1);
  const size_t count = ear->heard.size();
  EXPECT_EQ(ear.use_count(), 1) << "its sink is free";
  call.run(1s);
  EXPECT_EQ(ear->heard.size(), count);
  EXPECT_EQ(call.room.stats().passed, 0);
}

}  // namespace
}  // namespace partyline::mixer
