// Tables as printed: nothing is corrected, and what is no table is refused with its place.
#include "audit/read_tables.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "unit/audit/tables.h"

namespace perfbench {
namespace {

TEST(ReadTables, CellsStayAsPrinted) {
  const AuditInput input = read_audit_folder(
      Catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs").folder() / "published", facts());
  ASSERT_EQ(input.tables.size(), 15U);
  EXPECT_EQ(input.commands.size(), 20U);
  const auto table =
      std::ranges::find(input.tables, std::string("nemo_2504_fp8.csv"), [](const auto& read) { return read.name; });
  ASSERT_NE(table, input.tables.end());
  const AuditedRow& row = table->rows.at(7);  // 001-08, for which corrections.csv has other numbers
  EXPECT_EQ(row.id, "001-08");
  EXPECT_EQ(text_of(row, "gbs"), "1");
  EXPECT_EQ(text_of(row, "mbs"), "64");
}

TEST(ReadTables, AnUnknownColumnIsNamedWithTheNearest) {
  try {
    table_of("any.csv", "Model,#GPUs,Sequnce Length", "Llama3 8B,8,4096");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("Sequnce Length"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("sequencelength"), std::string::npos) << error.what();
  }
}

TEST(ReadTables, TheConventionOfAnImportedRowIsItsOwnColumn) {
  const std::string csv =
      "row,system,task,precision,stack,section,source_line,flops_convention,Model,#GPUs\n"
      "r1,h100,pretrain,bf16,megatron,H100,1,nemo_25.09,Llama3 8B,8\n";
  const AuditedTable table = parse_audited_table(csv, "any.csv", facts());
  EXPECT_EQ(table.rows.at(0).flops.convention, FlopsConvention::nemo_25_09);
}

TEST(ReadTables, AWordThatIsNoTaskIsRefusedWithItsLine) {
  const std::string csv =
      "row,system,task,precision,stack,section,source_line,Model,#GPUs\nr1,h100,train,bf16,megatron,H100,1,Llama3 "
      "8B,8\n";
  try {
    parse_audited_table(csv, "any.csv", facts());
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("any.csv:2: task=train"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace perfbench
