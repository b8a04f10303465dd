#include <gmock/gmock.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "sfu/hooks.hpp"
#include "sfu/sfu.hpp"
#include "tests/support/http_loop.hpp"
#include "tests/support/paths.hpp"

namespace partyline::sfu {
namespace {

using core::http::find_header;
using core::http::Headers;
using core::http::Response;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string chromium_offer(const std::string& direction) {
  std::ifstream file(test::source_dir() + "/tests/data/sdp/chromium-offer.sdp");
  std::ostringstream text;
  text << file.rdbuf();
  return replaced(text.str(), "a=sendrecv", "a=" + direction);
}

class EndpointTest : public ::testing::Test {
 protected:
  void start(SfuConfig config = {}) {
    config.ice.listen_address = "127.0.0.1";
    config.ice.port = 0;
    static const auto identity = rtp::DtlsIdentity::generate();
    sfu_ = std::make_unique<Sfu>(io_.get_executor(), config, *identity);
    ASSERT_TRUE(sfu_->start());
    server_ = std::make_unique<core::http::Server>(io_.get_executor(), test::loopback_server());
    sfu_->add_routes(*server_);
    ASSERT_TRUE(server_->start());
  }
  Response request(const std::string& method, const std::string& target, const std::string& body = {},
                   Headers headers = {}) {
    auto response = test::fetch(io_, method, url(target), body, std::move(headers));
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    return response ? *response : Response{0, {}, {}, {}};
  }
  Response post(const std::string& target, const std::string& offer, Headers headers = {}) {
    headers.emplace_back("Content-Type", "application/sdp");
    return request("POST", target, offer, std::move(headers));
  }
  Response patch(const std::string& target, const std::string& etag, const std::string& body = {}) {
    Headers headers{{"Content-Type", "application/trickle-ice-sdpfrag"}};
    if (!etag.empty()) headers.emplace_back("If-Match", etag);
    return request("PATCH", target, body, std::move(headers));
  }
  std::string url(const std::string& target) { return "http://127.0.0.1:" + std::to_string(server_->port()) + target; }
  static std::string header(const Response& response, std::string_view name) {
    return std::string(find_header(response.headers, name).value_or(""));
  }

  boost::asio::io_context io_;
  std::unique_ptr<Sfu> sfu_;
  std::unique_ptr<core::http::Server> server_;
  const std::string publish_offer_ = chromium_offer("sendonly"), play_offer_ = chromium_offer("recvonly");
};

TEST_F(EndpointTest, APublishersOfferIsAnsweredWithItsResource) {
  start();
  const auto created = post("/whip/my%20room/cam%231", publish_offer_);
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_THAT(header(created, "Location"), StartsWith("/whip/my%20room/cam%231/"));
  EXPECT_THAT(header(created, "ETag"), StartsWith("\""));
  EXPECT_EQ(header(created, "Content-Type"), "application/sdp");
  EXPECT_EQ(header(created, "Access-Control-Allow-Origin"), "*");
  EXPECT_THAT(header(created, "Access-Control-Expose-Headers"), HasSubstr("Location"));
  EXPECT_THAT(created.body, HasSubstr("a=ice-lite"));
  EXPECT_THAT(created.body, HasSubstr("a=rtpmap:108 H264/90000"));  // constrained baseline, mode 1, before VP8
  EXPECT_THAT(created.body, HasSubstr("transport-cc"));
  EXPECT_THAT(created.body, HasSubstr("a=fmtp:109 apt=108\r\n"));
  EXPECT_THAT(created.body, Not(HasSubstr("ulpfec")));
  ASSERT_EQ(sfu_->streams().size(), 1u);
  EXPECT_EQ(sfu_->streams()[0].app, "my room");
  EXPECT_TRUE(sfu_->streams()[0].publishing);
}

TEST_F(EndpointTest, AGetFindsEndpointsAndSessionsAndNothingInThem) {
  start();
  const auto created = post("/whip/a/b", publish_offer_);
  for (const auto& target : {std::string("/whip/a/b"), std::string("/whep/a/b"), header(created, "Location")}) {
    const auto found = request("GET", target);
    EXPECT_EQ(found.status, 204) << target;
    EXPECT_EQ(found.body, "") << target;
  }
  EXPECT_EQ(request("GET", "/whip/a/b/nobody").status, 404);
}

TEST_F(EndpointTest, ABusyNameIsA409UntilItsSessionIsDeleted) {
  start();
  const auto first = post("/whip/a/b", publish_offer_);
  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 409);
  EXPECT_EQ(request("DELETE", header(first, "Location")).status, 200);
  EXPECT_EQ(request("DELETE", header(first, "Location")).status, 404);
  EXPECT_TRUE(sfu_->streams().empty());
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 201);
}

TEST_F(EndpointTest, ASilentPublisherLosesItsNameToTheNextOne) {
  SfuConfig config;
  config.publisher_silence = std::chrono::milliseconds(0);
  start(config);
  const auto first = post("/whip/a/b", publish_offer_);
  ASSERT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  EXPECT_EQ(request("DELETE", header(first, "Location")).status, 404);
}

TEST_F(EndpointTest, APlayerMayComeFirstAndThenTakesBothVideoCodecs) {
  start();
  const auto early = post("/whep/a/b", play_offer_);
  ASSERT_EQ(early.status, 201) << early.body;
  EXPECT_THAT(early.body, HasSubstr("H264/90000"));
  EXPECT_THAT(early.body, HasSubstr("VP8/90000"));
  EXPECT_THAT(early.body, HasSubstr("cname:"));
  ASSERT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  const auto late = post("/whep/a/b", play_offer_);
  EXPECT_THAT(late.body, HasSubstr("H264/90000"));
  EXPECT_THAT(late.body, Not(HasSubstr("VP8/90000")));
  EXPECT_EQ(sfu_->streams().at(0).players, 2);
}

TEST_F(EndpointTest, SrsUrlsWorkWithAndWithoutTheTrailingSlash) {
  start();
  EXPECT_EQ(post("/rtc/v1/whip/?app=room&stream=x", publish_offer_).status, 201);
  const auto play = post("/rtc/v1/whep?app=room&stream=x", play_offer_);
  EXPECT_EQ(play.status, 201);
  EXPECT_EQ(request("DELETE", header(play, "Location")).status, 200);
  EXPECT_EQ(post("/rtc/v1/whip/?stream=y", publish_offer_).status, 201);
  EXPECT_EQ(sfu_->streams().at(0).app, "live");
  EXPECT_EQ(post("/rtc/v1/whip/?app=room", publish_offer_).status, 400);
}

TEST_F(EndpointTest, WhatIsNoOfferOfOursIsRefusedWithItsReason) {
  start();
  EXPECT_EQ(request("POST", "/whip/a/b", publish_offer_, {{"Content-Type", "text/plain"}}).status, 415);
  EXPECT_EQ(post("/whip/a/b", "this is not SDP").status, 400);
  EXPECT_EQ(post("/whip/a/b", replaced(publish_offer_, "a=ice-ufrag", "a=x-ufrag")).status, 400);
  EXPECT_EQ(post("/whip/a/b", play_offer_).status, 406);
  EXPECT_EQ(post("/whep/a/b", publish_offer_).status, 406);
  const auto strange = post(
      "/whip/a/b", replaced(replaced(replaced(publish_offer_, "opus/", "speex/"), "H264/", "H263/"), "VP8/", "x/"));
  EXPECT_EQ(strange.status, 406);
  EXPECT_EQ(header(strange, "Content-Type"), "application/problem+json");
  EXPECT_EQ(request("PUT", "/whip/a/b").status, 405);
  EXPECT_TRUE(sfu_->streams().empty());
}

TEST_F(EndpointTest, TokensGuardPublishingAndPlaying) {
  SfuConfig config;
  config.publish_token = "secret";
  start(config);
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 401);
  EXPECT_EQ(post("/whip/a/b", publish_offer_, {{"Authorization", "Bearer wrong"}}).status, 403);
  EXPECT_EQ(post("/whip/a/b", publish_offer_, {{"Authorization", "bearer secret"}}).status, 201);
  EXPECT_EQ(post("/whep/a/b", play_offer_).status, 201);
}

TEST_F(EndpointTest, APatchNeedsTheRightTag) {
  start();
  const auto created = post("/whip/a/b", publish_offer_);
  const std::string session = header(created, "Location"), etag = header(created, "ETag");
  EXPECT_EQ(patch(session, etag, "a=ice-ufrag:IovN\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n").status, 204);
  EXPECT_EQ(patch(session, "\"x\", " + etag).status, 204);
  EXPECT_EQ(patch(session, "").status, 428);
  EXPECT_EQ(patch(session, "\"other\"").status, 412);
  EXPECT_EQ(patch(session, etag, "a=ice-ufrag:new1\r\n").status, 422);
  EXPECT_EQ(request("PATCH", session, "", {{"Content-Type", "text/plain"}, {"If-Match", etag}}).status, 415);
  EXPECT_EQ(patch(session + "x", etag).status, 404);
  EXPECT_EQ(request("DELETE", replaced(session, "/whip/", "/whep/")).status, 404);
}

TEST_F(EndpointTest, AnIceRestartIsAnsweredWithNewCredentialsAndANewTag) {
  start();
  const auto created = post("/whip/a/b", publish_offer_);
  const std::string session = header(created, "Location"), etag = header(created, "ETag");
  const std::string fresh = "a=ice-ufrag:new1\r\na=ice-pwd:0123456789012345678901\r\n";
  const auto line = [](const std::string& text, const std::string& name) {
    const size_t at = text.find(name);
    return at == std::string::npos ? "" : text.substr(at, text.find("\r\n", at) - at);
  };
  const auto restarted = patch(session, "*", fresh);
  ASSERT_EQ(restarted.status, 200);
  EXPECT_EQ(header(restarted, "Content-Type"), "application/trickle-ice-sdpfrag");
  EXPECT_NE(header(restarted, "ETag"), etag);
  for (const char* name : {"a=ice-ufrag:", "a=ice-pwd:"}) {
    EXPECT_NE(line(restarted.body, name), "");
    EXPECT_NE(line(restarted.body, name), line(created.body, name));
  }
  EXPECT_EQ(line(restarted.body, "a=candidate:"), line(created.body, "a=candidate:"));
  EXPECT_THAT(restarted.body, HasSubstr("\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"));
  EXPECT_EQ(patch(session, etag).status, 412) << "the old tag names what is no more";
  EXPECT_EQ(patch(session, header(restarted, "ETag"), "a=ice-ufrag:new1\r\n").status, 204);
  for (const char* bad :
       {"", "a=ice-ufrag:new2\r\n", "a=ice-ufrag:new\r\na=ice-pwd:0123456789012345678901\r\n",
        "a=ice-ufrag:new2\r\na=ice-pwd:short\r\n", "a=ice-ufrag:new 2\r\na=ice-pwd:0123456789012345678901"}) {
    EXPECT_EQ(patch(session, "*", bad).status, 400) << bad;
  }
  EXPECT_EQ(patch(session, "*", fresh).status, 400) << "not new any more";
  EXPECT_EQ(patch(session, "\"*\"", "a=ice-ufrag:new3\r\na=ice-pwd:0123456789012345678901\r\n").status, 200)
      << "as in the RFC's example";
}

TEST_F(EndpointTest, AnAnswerNamesTheIceServersAndARefusalDoesNot) {
  SfuConfig config;
  config.ice_servers = {{"stun:s.example", "", ""}, {"turn:t.example?transport=tcp", "ann", "", "north"}};
  config.play_token = "secret";
  start(config);
  const auto links_of = [](const Response& response) {
    std::vector<std::string> links;
    for (const auto& [name, value] : response.headers)
      if (name == "Link") links.push_back(value);
    return links;
  };
  const auto links = links_of(post("/whip/a/b", publish_offer_));
  ASSERT_EQ(links.size(), 2u);
  EXPECT_THAT(links[0], StartsWith("<stun:s.example>; rel=\"ice-server\""));
  EXPECT_THAT(links[1], HasSubstr(":ann\"; credential=\""));
  EXPECT_TRUE(links_of(post("/whep/a/b", play_offer_)).empty()) << "credentials are for those who may play";
  EXPECT_EQ(links_of(post("/whep/a/b", play_offer_, {{"Authorization", "Bearer secret"}})).size(), 2u);
}

TEST_F(EndpointTest, PagesOfAnyOriginAreLetIn) {
  start();
  const auto options = request("OPTIONS", "/whip/a/b");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(header(options, "Accept-Post"), "application/sdp");
  EXPECT_EQ(header(options, "Access-Control-Allow-Origin"), "*");
  EXPECT_THAT(header(request("OPTIONS", "/whep/a/b/token"), "Access-Control-Allow-Methods"), HasSubstr("DELETE"));
  EXPECT_EQ(request("OPTIONS", "/rtc/v1/whep/?app=a&stream=b").status, 204);
}

TEST_F(EndpointTest, LimitsAreA503) {
  SfuConfig config;
  config.max_streams = 1;
  config.max_players_per_stream = 1;
  config.max_pending_per_address = 2;
  start(config);
  ASSERT_EQ(post("/whep/a/b", play_offer_).status, 201);
  EXPECT_EQ(post("/whip/a/other", publish_offer_).status, 503);
  const auto second = post("/whep/a/b", play_offer_);
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(header(second, "Retry-After"), "5");
  ASSERT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  EXPECT_EQ(post("/whip/a/c", publish_offer_).status, 503);  // two are still connecting
}

class HookTest : public EndpointTest {
 protected:
  void start_with_hook(Response answer, core::Duration silence = SfuConfig().publisher_silence) {
    answer_ = std::move(answer);
    receiver_ = std::make_unique<core::http::Server>(io_.get_executor(), test::loopback_server());
    receiver_->route("POST", "/hook", [this](core::http::Request r) { return record(answer_, std::move(r)); });
    receiver_->route("POST", "/later", [this](core::http::Request r) { return record(later_answer_, std::move(r)); });
    ASSERT_TRUE(receiver_->start());
    SfuConfig config;
    const std::string hooks = "http://127.0.0.1:" + std::to_string(receiver_->port());
    config.hook_urls = {hooks + "/hook"};
    if (two_hooks_) config.hook_urls.push_back(hooks + "/later");
    config.publisher_silence = silence;
    start(config);
  }
  boost::asio::awaitable<Response> record(Response answer, core::http::Request request) {
    bodies_.push_back(request.body);
    if (const auto during = std::exchange(during_hook_, nullptr)) co_await during();
    co_return answer;
  }
  std::unique_ptr<core::http::Server> receiver_;
  std::vector<std::string> bodies_;
  std::function<boost::asio::awaitable<void>()> during_hook_;  ///< once
  Response answer_{200, {}, {}, {}};
  bool two_hooks_ = false;
  Response later_answer_{200, {}, "0", {}};
};

TEST_F(HookTest, HooksAreToldInSrsWordsAndOrder) {
  start_with_hook({200, {}, "0", {}});
  const auto created = post("/rtc/v1/whip/?app=room1&stream=alice&k=v", publish_offer_);
  ASSERT_EQ(created.status, 201) << created.body;
  ASSERT_EQ(post("/whep/room1/alice", play_offer_).status, 201);
  request("DELETE", header(created, "Location"));
  test::run_until(io_, [&] { return bodies_.size() >= 3; });
  ASSERT_EQ(bodies_.size(), 3u);
  const auto publish = boost::json::parse(bodies_[0]).as_object();
  const auto play = boost::json::parse(bodies_[1]).as_object();
  const auto unpublish = boost::json::parse(bodies_[2]).as_object();
  EXPECT_THAT(bodies_[0], StartsWith("{\"server_id\":\"vid-"));
  EXPECT_EQ(publish.at("action"), "on_publish");
  EXPECT_EQ(publish.at("app"), "room1");
  EXPECT_EQ(publish.at("stream"), "alice");
  EXPECT_EQ(publish.at("param"), "app=room1&stream=alice&k=v");
  EXPECT_EQ(publish.at("vhost"), "__defaultVhost__");
  EXPECT_EQ(publish.at("tcUrl"), "");
  EXPECT_EQ(publish.at("stream_url"), "/room1/alice");
  EXPECT_EQ(publish.at("ip"), "127.0.0.1");
  EXPECT_FALSE(publish.contains("pageUrl"));
  EXPECT_EQ(play.at("action"), "on_play");
  EXPECT_EQ(play.at("pageUrl"), "");
  EXPECT_EQ(play.at("stream_id"), publish.at("stream_id"));
  EXPECT_EQ(unpublish.at("action"), "on_unpublish");
  EXPECT_EQ(unpublish.at("client_id"), publish.at("client_id"));
}

TEST_F(HookTest, ARefusalIsA403AndTheNameIsFreeAgain) {
  start_with_hook({200, {}, "{\"code\":7}", {}});
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 403);
  EXPECT_TRUE(sfu_->streams().empty());
}

TEST_F(HookTest, WhoMayNotPublishThrowsNoSilentPublisherOut) {
  start_with_hook({200, {}, "0", {}}, std::chrono::milliseconds(0));
  const auto first = post("/whip/a/b", publish_offer_);
  ASSERT_EQ(first.status, 201);
  answer_.body = "{\"code\":7}";
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 403);
  ASSERT_EQ(sfu_->streams().size(), 1u);
  EXPECT_TRUE(sfu_->streams()[0].publishing);
  EXPECT_EQ(request("GET", header(first, "Location")).status, 204);
  answer_.body = "0";
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  EXPECT_EQ(request("GET", header(first, "Location")).status, 404);
  ASSERT_EQ(sfu_->streams().size(), 1u);
}

TEST_F(HookTest, WhomALaterHookRefusesIsGoneForAllAndToldWhy) {
  two_hooks_ = true;
  start_with_hook({200, {}, "0", {}}, std::chrono::milliseconds(0));
  const auto first = post("/whip/a/b", publish_offer_);
  ASSERT_EQ(first.status, 201);
  const auto publishes = sfu_->streams()[0].client_id;
  bodies_.clear();
  later_answer_ = {403, {}, "{\"code\":403,\"msg\":\"no ticket for this room\"}", {}};
  const auto refused = post("/whip/a/b", publish_offer_);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("the hook refused: no ticket for this room"));
  EXPECT_EQ(header(refused, "Location"), "");
  ASSERT_EQ(sfu_->streams().size(), 1u);
  EXPECT_EQ(sfu_->streams()[0].client_id, publishes) << "silent or not, it is still the one";
  EXPECT_EQ(request("GET", header(first, "Location")).status, 204);
  test::run_until(io_, [&] { return bodies_.size() >= 4; });
  ASSERT_EQ(bodies_.size(), 4u) << "two were asked, and both are told that nothing came of it";
  const auto asked = boost::json::parse(bodies_[0]).as_object();
  for (size_t i : {2U, 3U}) {
    const auto told = boost::json::parse(bodies_[i]).as_object();
    EXPECT_EQ(told.at("action"), "on_unpublish");
    EXPECT_EQ(told.at("client_id"), asked.at("client_id"));
  }
  later_answer_ = {200, {}, "0", {}};
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 201) << "nobody claims the name any more";
}

TEST_F(HookTest, WhileTheHooksAreAskedOfOnePublisherAnotherOneWaits) {
  start_with_hook({200, {}, "0", {}}, std::chrono::milliseconds(0));  // each is silent at once
  ASSERT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  // Another one comes while the hook takes its time over the second.
  std::optional<int> refused;
  during_hook_ = [&]() -> boost::asio::awaitable<void> {
    core::http::ClientRequest request;
    request.method = "POST";
    request.url = url("/whip/a/b");
    request.body = publish_offer_;
    request.headers = {{"Content-Type", "application/sdp"}};
    const auto response = co_await core::http::fetch(std::move(request));
    if (response) refused = response->status;
  };
  const auto second = post("/whip/a/b", publish_offer_);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(refused, 503) << "it may be refused, and the name free again";
  EXPECT_EQ(request("GET", header(second, "Location")).status, 204);
  size_t asked = 0;
  for (const auto& body : bodies_) asked += body.find("on_publish") != std::string::npos;
  EXPECT_EQ(asked, 2u) << "the hooks never hear of who has no chance";
}

TEST_F(HookTest, WhoeverTheHooksLetInIsNoSilentPublisherYet) {
  constexpr auto kSilence = std::chrono::milliseconds(1000);  // real time: a machine may halt for some of it
  start_with_hook({200, {}, "0", {}}, kSilence);
  during_hook_ = [&]() -> boost::asio::awaitable<void> {
    boost::asio::steady_timer timer(io_.get_executor(), kSilence * 5 / 4);
    co_await timer.async_wait(boost::asio::use_awaitable);
  };
  ASSERT_EQ(post("/whip/a/b", publish_offer_).status, 201);
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 409) << "it is connecting";
}

TEST_F(HookTest, AHookThatIsAwayIsA503) {
  start_with_hook({200, {}, "0", {}});
  receiver_->stop();
  EXPECT_EQ(post("/whip/a/b", publish_offer_).status, 503);
}

TEST(Hooks, AReasonIsWhatTheBodySaysInWordsThatCanBeShown) {
  EXPECT_EQ(Hooks::reason(R"({"code":7,"msg":"closed\nuntil nine"})"), "closed?until nine");
  for (const auto* none : {"", "7", "{}", R"({"msg":7})", "<html>"}) EXPECT_EQ(Hooks::reason(none), "") << none;
  EXPECT_LE(Hooks::reason("{\"msg\":\"" + std::string(5000, 'x') + "\"}").size(), 200u);
}

TEST(Hooks, YesIsWhatSrsTakesForYes) {
  for (const char* yes : {"0", "0\n", "{\"code\":0}", "{\"code\":0,\"data\":null,\"msg\":\"x\"}"})
    EXPECT_TRUE(Hooks::accepts(200, yes)) << yes;
  EXPECT_TRUE(Hooks::accepts(201, "0"));
  for (const char* no : {"", "ok", "1", "\"0\"", "{\"code\":403}", "{\"ok\":true}", "[0]", "{"})
    EXPECT_FALSE(Hooks::accepts(200, no)) << no;
  EXPECT_FALSE(Hooks::accepts(403, "0"));
  EXPECT_FALSE(Hooks::accepts(204, ""));
}

}  // namespace
}  // namespace partyline::sfu
