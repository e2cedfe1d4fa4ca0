#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(Cells, WordsAndImpossibleNumbersAmongNumbersAreFound) {
  const Findings findings = audit_cells(megatron("LLAMA3-70B,64,128,TE,8192,0,0,8,1,0,1,64,-5,780"));
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].column, "MBS");
  EXPECT_EQ(findings[1].column, "TP") << "a size is at least 1; VP 0 and FSDP 0 mean not used";
  EXPECT_EQ(findings[2].column, "Tokens / sec / GPU");
}

TEST(Cells, UnsetCellsAndThousandsSeparatorsAreSound) {
  EXPECT_TRUE(audit_cells(megatron("LLAMA3-70B,64,128,1,8192,-,4,8,n/a,5,,64,\"1,621\",780")).empty());
}

}  // namespace
}  // namespace perfbench
