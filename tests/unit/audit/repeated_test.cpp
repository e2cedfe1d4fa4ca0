#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Repeated, OneConfigurationWithTwoResultsIsAWarning) {
  const Findings findings =
      audit_repeated(megatron(std::string(kSoundMegatron) + "\nllama3-70b,64,128,1,8192,-,4,8,1,5,1,64,1700,780"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].row, "r2");
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_EQ(findings[0].consistent, "1621");
}

TEST(Repeated, AnEqualRowInAnotherTableIsAnInfo) {
  AuditInput input = megatron(kSoundMegatron);
  input.tables.push_back(megatron(kSoundMegatron).tables.front());
  input.tables.back().name = input.tables.back().rows.front().table = "other.csv";
  input.tables.back().rows.front().id = "x1";
  const Findings findings = audit_repeated(input);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
}

TEST(Repeated, RowsOfTwoReleasesAreNotCompared) {
  AuditInput input = megatron(std::string(kSoundMegatron) + "\nLLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,1700,818");
  AuditedTable& table = input.tables.front();
  table.rows[0].section = "Container 2 > Pre-Training, System: DGX-H100";
  table.rows[1].section = "Container 1 > Pre-Training, System: DGX-H100";
  EXPECT_TRUE(audit_repeated(input).empty());
  table.rows[1].section = "Container 2 > Pre-Training, again";
  EXPECT_EQ(audit_repeated(input).size(), 1U);
}

TEST(Repeated, AnotherLayoutIsAnotherConfiguration) {
  EXPECT_TRUE(
      audit_repeated(megatron(std::string(kSoundMegatron) + "\nLLAMA3-70B,64,128,1,8192,0,4,8,1,10,1,64,1700,780"))
          .empty());
}

}  // namespace
}  // namespace perfbench
