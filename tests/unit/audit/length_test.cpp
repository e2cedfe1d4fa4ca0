#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Length, AnOddLengthIsAnErrorInFp8AndAWarningInBf16) {
  const Findings fp8 = audit_length(megatron("LLAMA3-70B,64,128,1,8191,0,4,8,1,5,1,64,1621,780"));
  ASSERT_EQ(fp8.size(), 1U);
  EXPECT_EQ(fp8[0].severity, Severity::error);
  EXPECT_EQ(fp8[0].consistent, "8192");
  const Findings bf16 = audit_length(automodel("Kimi K2,256,512,1,8,2,4097,1,8,1,32,4,32,TE,8.86,189,924"));
  ASSERT_EQ(bf16.size(), 1U);
  EXPECT_EQ(bf16[0].severity, Severity::warning);
  EXPECT_EQ(bf16[0].consistent, "4096");
}

TEST(Length, ASoundRowStands) { EXPECT_TRUE(audit_length(megatron(kSoundMegatron)).empty()); }

}  // namespace
}  // namespace perfbench
