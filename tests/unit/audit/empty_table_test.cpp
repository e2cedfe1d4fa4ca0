#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(EmptyTable, ATableWithoutRowsIsAFindingAndOneWithRowsIsNot) {
  const Findings findings = audit_empty_table(megatron(""));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].row, "");
  EXPECT_TRUE(audit_empty_table(megatron(kSoundMegatron)).empty());
}

}  // namespace
}  // namespace perfbench
