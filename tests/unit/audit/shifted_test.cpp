#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Shifted, TheDataParallelSizeUnderKernelsIsFoundWithBothCells) {
  const Findings findings = audit_shifted(automodel("Qwen2.5 32B,8,32,1,8,2,4096,1,4,1,-,8,1,2,8.40,261,1950.93"));
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].column, "FSDP");
  EXPECT_EQ(findings[0].consistent, "2");
  EXPECT_EQ(findings[1].column, "Kernel Optimizations");
  EXPECT_EQ(findings[1].consistent, "-");
}

TEST(Shifted, ARowThatLostACellIsMovedBack) {
  // 001-19 without its FSDP: what follows stands one column to the left.
  const Findings findings = audit_shifted(megatron("LLAMA3-70B,64,128,1,8192,4,8,1,5,1,64,1621,780,"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "FSDP");
}

TEST(Shifted, SoundRowsStand) {
  EXPECT_TRUE(audit_shifted(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_shifted(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
