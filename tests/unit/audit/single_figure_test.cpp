#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(SingleFigure, TheMissingOneIsWorkedOut) {
  const Findings findings = audit_single_figure(megatron("GPT3-175B,512,2048,2,2048,,4,8,1,6,1,64,824,"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
  EXPECT_EQ(findings[0].consistent, "887");  // 1.0764e12 x 824 / 1e12
}

TEST(SingleFigure, BothOrNoneIsSound) {
  EXPECT_TRUE(audit_single_figure(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_single_figure(megatron("GPT3-175B,512,2048,2,2048,,4,8,1,6,1,64,,")).empty());
}

}  // namespace
}  // namespace perfbench
