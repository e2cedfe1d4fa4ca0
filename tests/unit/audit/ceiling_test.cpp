#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Ceiling, TokensThatNoPeakAllowsAreAnErrorWithoutAnyTflops) {
  // At least 4.49e11 FLOPs per token: 1979e12 / 4.49e11 = 4405 tokens/s.
  const Findings findings = audit_ceiling(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,4500,"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "Tokens / sec / GPU");
  EXPECT_TRUE(audit_ceiling(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,4300,")).empty());
}

TEST(Ceiling, AStepTimeCountsToo) {
  const Findings findings = audit_ceiling(automodel("Kimi K2,256,512,1,8,2,4096,1,8,1,32,4,32,TE,0.88,,"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "Time per Global Step (s)");
}

}  // namespace
}  // namespace perfbench
