#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "cli/commands.h"

namespace perfbench {
namespace {

std::string reported(const std::exception& error, ExitCode code) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(report(error), code);
  return testing::internal::GetCapturedStderr();
}

TEST(Report, MemoryThatRanOutIsNoFaultOfPerfbench) {
  const std::string text = reported(std::bad_alloc(), ExitCode::run_failed);
  EXPECT_TRUE(text.starts_with("perfbench: error: this process got no more memory\n  hint: ")) << text;
  EXPECT_EQ(reported(std::bad_array_new_length(), ExitCode::run_failed), text);
}

TEST(Report, ATimeoutHasItsExitCode) {
  EXPECT_EQ(reported(TimeoutError("step 3", "rank 1 hangs"), ExitCode::timeout),
            "perfbench: error: step 3: rank 1 hangs\n");
}

TEST(Report, AnythingElseIsAnInternalError) {
  EXPECT_NE(reported(std::logic_error("a check"), ExitCode::run_failed).find("internal error: a check"),
            std::string::npos);
}

}  // namespace
}  // namespace perfbench
