#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Swapped, AMicrobatchOverTheGlobalBatchIsExchanged) {
  const Findings findings = audit_swapped(megatron("LLAMA3-70B,64,1,128,8192,0,4,8,1,5,1,64,1621,780"));
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].column, "GBS");
  EXPECT_EQ(findings[0].consistent, "128");
  EXPECT_EQ(findings[1].consistent, "1");
  EXPECT_EQ(findings[0].confidence, Confidence::certain) << "128 = 1 x DP 2 x 64";
}

TEST(Swapped, ASoundRowStands) { EXPECT_TRUE(audit_swapped(megatron(kSoundMegatron)).empty()); }

}  // namespace
}  // namespace perfbench
