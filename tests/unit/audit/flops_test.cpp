#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Flops, AFactorOfTwoIsNamedWithTheValueThatWouldFit) {
  const Findings findings = audit_flops(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,811,780"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "Tokens / sec / GPU");
  EXPECT_EQ(findings[0].severity, Severity::error);
  EXPECT_EQ(findings[0].consistent, "1622");  // twice the printed
  EXPECT_NE(findings[0].evidence.find("twice the printed"), std::string::npos) << findings[0].evidence;
}

TEST(Flops, WhereTheStepTimeVouchesForTokensTflopsAreWrong) {
  const Findings findings = audit_flops(automodel("Kimi K2,256,512,1,8,2,4096,1,8,1,32,4,32,TE,8.86,208,924"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "Model TFLOPs/sec/GPU");
  EXPECT_EQ(findings[0].consistent, "188.9");
}

TEST(Flops, AnotherConventionThatFitsIsNamed) {
  // The causal half: 480.59e9 - 80 x 6 x 8192 x 8192 = 449.2e9 FLOPs per token, times 1621.
  const Findings findings = audit_flops(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,1621,728"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_NE(findings[0].evidence.find("nemo_25.09 fits"), std::string::npos) << findings[0].evidence;
}

TEST(Flops, AKnownQuirkIsAnInfo) {
  const Findings findings = audit_flops(megatron("LLAMA3-405B,1024,512,1,8192,0,8,8,2,8,1,64,315,834"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
  EXPECT_NE(findings[0].evidence.find("16 key-value heads"), std::string::npos) << findings[0].evidence;
}

TEST(Flops, OfATableOfNobodyTheConventionThatFitsIsNamed) {
  const Findings findings = audit_flops(table_of("any.csv", kMegatron, kSoundMegatron));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
  EXPECT_NE(findings[0].evidence.find("nemo_25.04 fits"), std::string::npos) << findings[0].evidence;
}

TEST(Flops, OfATableOfNobodyAQuirkOfAKnownTableIsNamed) {
  const Findings findings =
      audit_flops(table_of("any.csv", kMegatron, "LLAMA3-405B,1024,512,1,8192,0,8,8,2,8,1,64,315,834"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
  EXPECT_NE(findings[0].evidence.find("with 16 key-value heads fits"), std::string::npos) << findings[0].evidence;
}

TEST(Flops, OfATableOfNobodyAPlainFactorIsNamed) {
  const Findings findings =
      audit_flops(table_of("any.csv", kMegatron, "LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,811,780"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].consistent, "1622");
}

TEST(Flops, SoundRowsStand) {
  EXPECT_TRUE(audit_flops(megatron(kSoundMegatron)).empty());
  EXPECT_TRUE(audit_flops(automodel(kSoundAutomodel)).empty());
}

}  // namespace
}  // namespace perfbench
