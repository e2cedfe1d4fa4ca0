#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Throughput, TokensThatTheStepTimeDoesNotGiveAreFound) {
  const Findings findings = audit_throughput(automodel("Kimi K2,256,512,1,8,2,4096,1,8,1,32,4,32,TE,8.86,189,1016"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].consistent, "924.6");  // 512 x 4096 / (8.86 x 256)
}

TEST(Throughput, AUnitOfTheHeadingCounts) {
  const char* headings = "Model,#GPUs,GBS,MBS,Seq Length,Step Time (ms),Tokens/sec/GPU";
  EXPECT_TRUE(audit_throughput(table_of("any.csv", headings, "Kimi K2,256,512,1,4096,8860,924")).empty());
  EXPECT_EQ(audit_throughput(table_of("any.csv", headings, "Kimi K2,256,512,1,4096,8.86,924")).size(), 1U);
}

TEST(Throughput, ASoundRowStands) { EXPECT_TRUE(audit_throughput(automodel(kSoundAutomodel)).empty()); }

}  // namespace
}  // namespace perfbench
