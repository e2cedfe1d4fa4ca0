#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(DataParallel, AnFsdpSizeThatIsNotDpIsFound) {
  for (const char* fsdp : {"16", "0"}) {
    const Findings findings = audit_data_parallel(
        automodel(std::string("Kimi K2,256,512,1,8,2,4096,1,8,1,32,4,") + fsdp + ",TE,8.86,189,924"));
    ASSERT_EQ(findings.size(), 1U) << fsdp;
    EXPECT_EQ(findings[0].consistent, "32");
  }
}

TEST(DataParallel, AFlagIsZeroOrOne) {
  EXPECT_EQ(audit_data_parallel(megatron("LLAMA3-70B,64,128,1,8192,3,4,8,1,5,1,64,1621,780")).size(), 1U);
}

TEST(DataParallel, TheSizeThatIsShardedOverStandsForAFlag) {
  EXPECT_TRUE(audit_data_parallel(megatron("LLAMA3-70B,64,256,2,8192,64,1,1,1,1,1,2,5003,2248")).empty());
  EXPECT_TRUE(audit_data_parallel(megatron("LLAMA3-70B,64,128,1,8192,64,1,1,2,1,1,4,4000,1900")).empty());  // DP x CP
  const Findings findings = audit_data_parallel(megatron("LLAMA3-70B,64,256,2,8192,32,1,1,1,1,1,2,5003,2248"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NE(findings[0].evidence.find("FSDP 32 is neither a flag nor DP 64"), std::string::npos);
}

TEST(DataParallel, APrintedDpIsWhatTheLayoutLeaves) {
  EXPECT_EQ(audit_data_parallel(table_of("any.csv", "Model,#GPUs,GBS,MBS,TP,DP", "Llama3 8B,8,8,1,2,8")).size(), 1U);
  EXPECT_TRUE(audit_data_parallel(table_of("any.csv", "Model,#GPUs,GBS,MBS,TP,DP", "Llama3 8B,8,8,1,2,4")).empty());
}

TEST(DataParallel, SoundRowsStand) {
  EXPECT_TRUE(audit_data_parallel(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_data_parallel(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
