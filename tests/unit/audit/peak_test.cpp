#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

constexpr std::string_view kWithMfu = "Model,#GPUs,Model TFLOP / sec / GPU,MFU";

TEST(Peak, MoreThanThePeakIsAnErrorThatNamesThePrecisionThatReachesIt) {
  const Findings findings = audit_peak(table_of("any.csv", kWithMfu, "Llama3 8B,8,1200,", "bf16"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].consistent, "at most 989");
  EXPECT_NE(findings[0].evidence.find("fp8cs would reach 1979"), std::string::npos) << findings[0].evidence;
}

TEST(Peak, AnMfuAgainstTheWrongPeakIsFound) {
  // 402 / 989 = 40.6 %, 402 / 1979 = 20.3 %.
  const Findings findings = audit_peak(table_of("any.csv", kWithMfu, "Llama3 8B,8,402,20.3 %", "bf16"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "MFU");
  EXPECT_EQ(findings[0].consistent, "40.6 %");
  EXPECT_NE(findings[0].evidence.find("against the fp8cs peak"), std::string::npos) << findings[0].evidence;
  EXPECT_TRUE(audit_peak(table_of("any.csv", kWithMfu, "Llama3 8B,8,402,40.6 %", "bf16")).empty());
  EXPECT_TRUE(audit_peak(table_of("any.csv", kWithMfu, "Llama3 8B,8,402,0.406", "bf16")).empty());
}

TEST(Peak, AnMfuOver100PercentIsAnError) {
  const Findings findings = audit_peak(table_of("any.csv", kWithMfu, "Llama3 8B,8,402,140 %", "bf16"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::error);
}

}  // namespace
}  // namespace perfbench
