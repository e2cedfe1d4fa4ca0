// What becomes of LibTorch's errors, with errors of LibTorch itself.
#include "engine/torch/run_error.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/session.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

Problem problem_of(const std::function<void()>& work) {
  try {
    with_run_errors("rank 1", work);
  } catch (const RunError& error) {
    return error.problems().at(0);
  }
  return {"no RunError", "", ""};
}

// 2^50 bytes: more than a process can address.
TEST(RunError, HostMemoryThatRanOutSaysTheBytes) {
  const Problem problem = problem_of([] { at::empty({std::int64_t{1} << 50}, at::kByte); });
  EXPECT_EQ(problem.where, kHostMemory);
  EXPECT_THAT(problem.what, HasSubstr("rank 1: DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                                      "1125899906842624 bytes"));
  EXPECT_EQ(problem.what.find('\n'), std::string::npos);
}

TEST(RunError, BadAllocIsHostMemory) {
  EXPECT_EQ(problem_of([] { throw std::bad_alloc(); }).where, kHostMemory);
}

TEST(RunError, DeviceMemoryIsToldApart) {
  const Problem problem =
      problem_of([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB."); });
  EXPECT_EQ(problem.where, kDeviceMemory);
  EXPECT_EQ(problem.what, "rank 1: CUDA out of memory. Tried to allocate 2.00 GiB.");
}

TEST(RunError, AnythingElseOfLibTorchNamesTheRank) {
  const Problem problem = problem_of([] { at::mm(at::empty({2, 3}), at::empty({2, 3})); });
  EXPECT_EQ(problem.where, "rank 1");
  EXPECT_THAT(problem.what, HasSubstr("shape"));
}

TEST(RunError, ItsOwnErrorsPass) {
  const auto pass = [](const auto& thrown) { with_run_errors("rank 1", [&] { throw thrown; }); };
  EXPECT_THROW(pass(Unsupported("fp8", "no")), Unsupported);
  EXPECT_THROW(pass(std::logic_error("a check")), std::logic_error);
  EXPECT_THROW(pass(TimeoutError("", "late")), TimeoutError);
}

}  // namespace
}  // namespace perfbench
