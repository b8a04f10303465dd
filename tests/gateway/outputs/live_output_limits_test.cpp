// A recording that cannot be made is refused; it takes nobody else with it.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "gateway/outputs/live_output.hpp"

namespace partyline::gateway {
namespace {

/// No descriptor more, as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(LiveOutputLimits, without_a_descriptor_left_it_is_refused_in_words) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "skipped: UBSan itself takes a descriptor when it meets a class for the first time";
#endif
  boost::asio::io_context context;
  LiveOutputConfig config;
  config.url = "file:never.mkv";
  config.file_directory = std::filesystem::temp_directory_path().string();
  ASSERT_TRUE(LiveOutput::create(config, context.get_executor(), {}));  // else it can be made
  const NoDescriptors none;
  const auto made = LiveOutput::create(config, context.get_executor(), {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, core::ErrorCode::limit);
  EXPECT_NE(made.error().message.find("limit"), std::string::npos);
}

}  // namespace
}  // namespace partyline::gateway
