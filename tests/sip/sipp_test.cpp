// Real SIPp (package sip-tester) against the agent: its built-in caller and called side, and scenarios of our own from
// tests/sip/scenarios. Skipped in words where SIPp is absent.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>

#include "tests/sip/support.hpp"
#include "tests/support/paths.hpp"

extern char** environ;

namespace partyline::sip {
namespace {

using Arguments = std::vector<std::string>;

/// One SIPp process; it ends by itself (-timeout) or with this object.
class Sipp {
 public:
  Sipp(Arguments arguments, const std::string& work_folder) {
    // -timeout bounds it; -trace_err writes beside the working folder, so it is left out.
    arguments.insert(arguments.begin(), "sipp");
    for (const char* common :
         {"-i", "127.0.0.1", "-nostdin", "-skip_rlimit", "-timeout", "20s", "-timeout_error", "-deadcall_wait", "0"})
      arguments.emplace_back(common);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, work_folder.c_str());
    log_ = work_folder + "/sipp" + core::random_token(6) + ".log";
    posix_spawn_file_actions_addopen(&actions, 1, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (posix_spawnp(&pid_, "sipp", &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Sipp() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  /// The exit code; 0: every call went as the scenario says.
  int wait() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& log() const { return log_; }

 private:
  pid_t pid_ = -1;
  std::string log_;
};

class SippTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/usr/bin/sipp")) GTEST_SKIP() << "SIPp (package sip-tester) is not installed";
    std::string pattern = (std::filesystem::temp_directory_path() / "partyline-sipp-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    app_ = std::make_unique<App>();
    ASSERT_TRUE(app_->agent->start());
  }
  void TearDown() override {
    app_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  Arguments base(const std::string& target_user = "room1") const {
    return {"127.0.0.1:" + std::to_string(app_->agent->port()), "-s", target_user, "-t", GetParam() ? "t1" : "u1"};
  }
  Arguments scenario(const std::string& name) const {
    auto arguments = base();
    arguments.insert(arguments.end(), {"-sf", test::source_dir() + "/tests/sip/scenarios/" + name});
    return arguments;
  }

  std::string folder_;
  std::unique_ptr<App> app_;
};

TEST_P(SippTest, two_hundred_calls_of_the_built_in_caller_all_succeed) {
  app_->auto_answer();
  auto arguments = base();
  arguments.insert(arguments.end(), {"-sn", "uac", "-m", "200", "-r", "200", "-d", "20"});
  Sipp sipp(arguments, folder_);
  EXPECT_EQ(sipp.wait(), 0) << sipp.log();
  EXPECT_TRUE(app_->wait_count("ended", 200));
}

TEST_P(SippTest, hold_resume_info_options_and_bye_go_as_the_scenario_says) {
  app_->auto_answer();
  auto arguments = scenario("in_dialog.xml");
  arguments.insert(arguments.end(), {"-m", "1"});
  Sipp sipp(arguments, folder_);
  for (int offers = 0; offers < 2; ++offers) {
    const auto offer = app_->take("offer");
    ASSERT_TRUE(offer);
    EXPECT_EQ(offer->text.find("sendonly") != std::string::npos, offers == 0);
    app_->agent->answer_offer(offer->call, kAnswer);
  }
  EXPECT_EQ(app_->take("digit")->text, "7");
  EXPECT_TRUE(app_->take("keyframe"));
  EXPECT_EQ(sipp.wait(), 0) << sipp.log();
  EXPECT_EQ(app_->take("ended")->cause, EndCause::remote_bye);
}

TEST_P(SippTest, a_delayed_offer_goes_as_the_scenario_says) {
  app_->auto_answer();
  auto arguments = scenario("delayed_offer.xml");
  arguments.insert(arguments.end(), {"-m", "1"});
  Sipp sipp(arguments, folder_);
  const auto established = app_->take("established");
  ASSERT_TRUE(established);
  EXPECT_NE(established->text.find("m=audio"), std::string::npos);
  EXPECT_EQ(sipp.wait(), 0) << sipp.log();
}

TEST_P(SippTest, a_cancel_goes_as_the_scenario_says) {
  auto arguments = scenario("cancel.xml");
  arguments.insert(arguments.end(), {"-m", "1"});
  Sipp sipp(arguments, folder_);
  const auto incoming = app_->take("incoming");
  ASSERT_TRUE(incoming);
  app_->agent->ring(incoming->call);
  EXPECT_EQ(sipp.wait(), 0) << sipp.log();
  EXPECT_EQ(app_->take("ended")->cause, EndCause::cancelled);
}

TEST_P(SippTest, the_built_in_called_side_is_dialled_and_hung_up) {
  uint16_t port = 0;
  {
    RawPhone probe(0, GetParam());
    port = probe.port();
  }
  Sipp sipp({"-sn", "uas", "-p", std::to_string(port), "-m", "1", "-t", GetParam() ? "t1" : "u1"}, folder_);
  std::optional<Event> answered;
  CallId call = 0;
  // SIPp needs a moment to listen: the first attempts may be refused.
  for (int attempt = 0; attempt < 100 && !answered; ++attempt) {
    call = app_->agent->dial("sip:x@127.0.0.1:" + std::to_string(port) + (GetParam() ? ";transport=tcp" : ""), "room",
                             "Room", kOffer);
    answered = app_->take("answered", std::chrono::milliseconds(300));
  }
  ASSERT_TRUE(answered);
  EXPECT_NE(answered->text.find("m=audio"), std::string::npos);
  app_->agent->hang_up(call, "over");
  EXPECT_EQ(sipp.wait(), 0) << sipp.log();
}

INSTANTIATE_TEST_SUITE_P(Transports, SippTest, ::testing::Bool(),
                         [](const auto& transport) { return transport.param ? "tcp" : "udp"; });

}  // namespace
}  // namespace partyline::sip
