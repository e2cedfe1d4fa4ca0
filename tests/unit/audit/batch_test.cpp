#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Batch, GaThatDoesNotMultiplyToGbsIsFound) {
  const Findings findings = audit_batch(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,32,1621,780"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "GA");
  EXPECT_EQ(findings[0].consistent, "64");  // 128 / (MBS 1 x DP 2)
}

TEST(Batch, WithALocalBatchEitherLbsOrGaIsWrong) {
  const Findings findings = audit_batch(automodel("Kimi K2,256,512,1,4,2,4096,1,8,1,32,4,32,TE,8.86,189,924"));
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].column, "LBS");
  EXPECT_EQ(findings[0].consistent, "8");
  EXPECT_EQ(findings[1].column, "GA");
  EXPECT_EQ(findings[1].consistent, "4");
}

TEST(Batch, ExchangedBatchesAreCheckedAsExchanged) {
  EXPECT_TRUE(audit_batch(megatron("LLAMA3-70B,64,1,128,8192,0,4,8,1,5,1,64,1621,780")).empty());
}

// Each number is one that a job can have; their product is none that 64 bits hold.
TEST(Batch, ProductsBeyond64BitsAreStillNoGbs) {
  const Findings findings =
      audit_batch(megatron("LLAMA3-70B,1048576,1000000000,536870912,8192,0,1,1,1,1,1,1073741824,1621,780"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "GBS");
  EXPECT_EQ(findings[0].consistent, "604462909807314587353088");  // MBS 2^29 x GA 2^30 x DP 2^20
  const Findings absurd = audit_batch(
      megatron("LLAMA3-70B,9000000000000000000,128,9000000000000000000,8192,0,9000000000000000000,9000000000000000000,"
               "1,1,1,9000000000000000000,1621,780"));
  EXPECT_TRUE(absurd.empty()) << "the layout's rules name what no job can have";
}

TEST(Batch, SoundRowsStand) {
  EXPECT_TRUE(audit_batch(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_batch(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
