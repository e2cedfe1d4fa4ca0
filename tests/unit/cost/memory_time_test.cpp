#include "cost/memory_time.h"

#include <gtest/gtest.h>

#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

TEST(MemoryTime, IsLaunchPlusBytesOverBandwidth) {
  // 2 GB at half of 4 TB/s.
  EXPECT_NEAR(memory_time_s(simple_constants(), simple_hardware(), 2e9), 1e-6 + 1e-3, 1e-12);
  EXPECT_EQ(memory_time_s(simple_constants(), simple_hardware(), 0), 0.0);
}

}  // namespace
}  // namespace perfbench
