#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Notation, CellsThatMeanSomethingElseAreRemarkedOn) {
  const Findings findings = audit_notation(
      table_of("any.csv", "Model,#GPUs,TP,SP,VP,EP,Kernel Optimizations", "GPT-OSS 20B,8,1,1,0,-,TE + DeepEP"));
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].column, "VP");
  EXPECT_EQ(findings[1].column, "SP");
  EXPECT_EQ(findings[2].column, "EP");
  for (const Finding& finding : findings) EXPECT_EQ(finding.severity, Severity::info);
}

TEST(Notation, SoundRowsStand) {
  EXPECT_TRUE(audit_notation(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_notation(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
