#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

std::string column_of_first(const Findings& findings) { return findings.empty() ? "none" : findings[0].column; }

TEST(Layout, GpusLayersHeadsAndExpertsMustDivide) {
  EXPECT_EQ(column_of_first(audit_layout(megatron("LLAMA3-70B,48,128,1,8192,0,4,8,1,5,1,64,,"))), "#-GPUs");
  EXPECT_EQ(column_of_first(audit_layout(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,12,1,64,,"))), "VP");
  EXPECT_EQ(column_of_first(audit_layout(megatron("LLAMA3-70B,96,128,1,8192,0,3,8,1,5,1,32,,"))), "TP");
  EXPECT_EQ(column_of_first(audit_layout(megatron("Mixtral-8x7B,64,256,2,4096,0,1,1,1,1,3,2,,"))), "EP");
}

TEST(Layout, OfAnUnknownModelTheGpusAreChecked) {
  EXPECT_EQ(column_of_first(audit_layout(megatron("Nobody-7B,48,128,1,8192,0,4,8,1,5,1,64,,"))), "#-GPUs");
  EXPECT_TRUE(audit_layout(megatron("Nobody-7B,64,128,1,8192,0,4,8,1,5,1,64,,")).empty());
}

TEST(Layout, NumbersThatNoJobCanHaveAreNamed) {
  const Findings findings = audit_layout(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,9000000000000000000,,"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "GA");
  EXPECT_EQ(findings[0].evidence, "GA must be at most 1073741824");
  EXPECT_EQ(column_of_first(audit_layout(megatron("Nobody-7B,64,128,1,8192,0,9e18,8,1,5,1,64,,"))), "none");
  EXPECT_EQ(column_of_first(audit_layout(megatron("Nobody-7B,64,128,1,8192,0,9000000000000000000,8,1,5,1,64,,"))),
            "TP");
}

TEST(Layout, SoundRowsStand) {
  EXPECT_TRUE(audit_layout(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_layout(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
