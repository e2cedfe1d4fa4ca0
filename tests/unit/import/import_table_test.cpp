#include "import/import_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "rows/published.h"

namespace perfbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(PERFBENCH_SOURCE_DIR) / "tests/data/import";

ImportHints hints() { return {.systems = {"b200", "gb200", "h100", "h200"}, .id = "009"}; }

ImportedTable import(const char* file) { return import_table(read_file(kData / file), file, hints()); }

// The named cells of each row of the CSV, joined by spaces.
std::vector<std::string> cells(const ImportedTable& table, const std::vector<std::string>& columns) {
  const CsvTable csv = parse_csv(table.csv, "imported");
  std::vector<std::string> rows;
  for (const CsvRow& row : csv.rows) {
    std::vector<std::string> wanted;
    for (const std::string& column : columns)
      for (std::size_t i = 0; i < csv.header.size(); ++i)
        if (csv.header[i] == column) wanted.push_back(row.cells[i]);
    rows.push_back(join(wanted, " "));
  }
  return rows;
}

std::vector<Problem> problems(std::string_view text, const ImportHints& with = hints(), const char* file = "a.md") {
  try {
    import_table(text, file, with);
  } catch (const InputError& error) {
    return error.problems();
  }
  return {};
}

TEST(ImportTable, ReadsPipesWithWhatTheHeadingsSay) {
  const ImportedTable table = import("pipes.md");
  EXPECT_EQ(table.tables, 3);
  EXPECT_THAT(cells(table, {"row", "system", "task", "precision", "source_line", "source"}),
              ElementsAre("009-01 h100 pretrain bf16 15 pipes.md", "009-02 h100 pretrain bf16 16 pipes.md",
                          "009-03 b200 lora mxfp8 28 pipes.md"));
  EXPECT_THAT(cells(table, {"Model Name", "Seq Len", "tokens/s/GPU", "TFLOPs/GPU", "Model"}),
              ElementsAre("Llama3 8B 8,192 13,812 1,022.26 ", "Llama3 70B 8192 -  ", "    Llama3 8B"));
  EXPECT_EQ(cells(table, {"section"})[0], "Pre-Training > System: DGX-H100, Precision: BF16");
  EXPECT_EQ(cells(table, {"section"})[2], "Fine-tuning (LoRA) > DGX-B200");
  EXPECT_EQ(cells(table, {"units"})[0], "Step time (ms)=ms; tokens/s/GPU=tokens/s/GPU; TFLOPs/GPU=TFLOP/s/GPU");
  ASSERT_GE(table.warnings.size(), 2u);
  EXPECT_THAT(table.warnings[0], HasSubstr("pipes.md:5: left out, no table of performance"));
  EXPECT_THAT(table.warnings[1], HasSubstr("pipes.md:20: a table without rows"));
}

TEST(ImportTable, ReadsOneCellPerLine) {
  const ImportedTable table = import("cells.txt");
  EXPECT_THAT(cells(table, {"system", "task", "stack", "section", "source_line"}),
              ElementsAre("gb200 pretrain megatron Pre-training > System: DGX-GB200 9",
                          "gb200 pretrain megatron Pre-training > System: DGX-GB200 12",
                          "b200 pretrain megatron Pre-training > System: DGX-B200 20"));
  EXPECT_THAT(cells(table, {"Model", "#-GPUs", "Tokens / sec / GPU", "GA"}),
              ElementsAre("GPT3-175B 128  ", "LLAMA3-8B 8 33,099 ", "LLAMA3-8B 8  8"));
}

TEST(ImportTable, WritesWhatReadPublishedReads) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "perfbench_import_read_back";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  write_file(folder / "a.csv", import("pipes.md").csv);
  const std::vector<PublishedRow> rows = read_published(folder);
  std::filesystem::remove_all(folder);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].model, "Llama3 8B");
  EXPECT_EQ(rows[0].num_gpus, 8);
  EXPECT_EQ(rows[0].seq_len, 8192);
  EXPECT_DOUBLE_EQ(rows[0].step_time_s.value(), 9.481);  // printed in ms
  EXPECT_EQ(rows[0].model_tflops_per_gpu, 1022.26);
  EXPECT_EQ(rows[1].step_time_s, std::nullopt);
  EXPECT_EQ(rows[2].precision, Precision::mxfp8);
}

TEST(ImportTable, TakesFromHintsWhatTheDocumentLeavesOut) {
  ImportHints with = hints();
  with.system = "h100", with.precision = Precision::fp8cs, with.task = Task::sft, with.model = "M 7B";
  with.flops_convention = "nemo_25.04";
  const ImportedTable table = import_table("GPUs,GBS,GPU,Task\n8,16,H200,LoRA\n8,32,,\n", "a.csv", with);
  EXPECT_THAT(cells(table, {"Model", "system", "task", "precision", "flops_convention"}),
              ElementsAre("M 7B h200 lora fp8cs nemo_25.04", "M 7B h100 sft fp8cs nemo_25.04"));
}

// A model may stand above its table, as a heading or on a line of its own.
TEST(ImportTable, TakesTheModelFromAboveTheTable) {
  const char* text =
      "# Speed\n\n#### Model: M_7B\n\n| System | GPUs | GBS |\n|-|-|-|\n| DGX-H100 | 8 | 16 |\n\n#### Other\n\n"
      "- Model: N 1B\n- System: DGX-B200\n\n| GPUs | GBS | MBS |\n|-|-|-|\n| 4 | 8 | 1 |\n";
  ImportHints with = hints();
  with.model = "never";
  EXPECT_THAT(cells(import_table(text, "a.md", with), {"Model", "system", "GBS"}),
              ElementsAre("M_7B h100 16", "N 1B b200 8"));
  const auto none = problems("| System | GPUs | GBS |\n|-|-|-|\n| DGX-H100 | 8 | 16 |\n");
  ASSERT_EQ(none.size(), 1u);
  EXPECT_THAT(none[0].hint, HasSubstr("Model: NAME"));
}

TEST(ImportTable, TakesTheFirstOfTwoValuesAndKeepsTheSecondInANote) {
  const ImportedTable table = import_table(
      "| Model | Precision | GPUs | PP | Tokens / sec / GPU |\n|-|-|-|-|-|\n"
      "| M (dense) | FP8-CS (FP8-MX) | 8 | 1 (4) | 3100 (2900) |\n| M | BF16 | 8 | 1 | 2000 |\n",
      "a.md", hints());
  EXPECT_THAT(cells(table, {"Model", "precision", "PP", "Tokens / sec / GPU", "note"}),
              ElementsAre("M (dense) fp8cs 1 3100 second value: Precision=FP8-MX; PP=4; Tokens / sec / GPU=2900",
                          "M bf16 1 2000 "));
  EXPECT_THAT(table.warnings, testing::Contains(HasSubstr("a.md:3: 1 of 2 rows have cells of two values")));
  const auto broken = problems("| Model | GPUs | PP |\n|-|-|-|\n| M | 8 | 1 (|\n");
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_THAT(broken[0].where, HasSubstr("PP=1 ("));
}

TEST(ImportTable, DropsMarksOfFootnotes) {
  const ImportedTable table = import_table(
      "| Model[^1] | GPUs | GBS |\n|-|-|-|\n| M<sup>2)</sup> | 8[^a] | 16 |\n\n[^a]: said below\n", "a.md", hints());
  EXPECT_THAT(cells(table, {"Model", "GPUs", "GBS"}), ElementsAre("M 8 16"));
}

TEST(ImportTable, NamesUnknownColumnsAndWhatWasRecognised) {
  const char* text = "\n| Model | GPUs | GBS | Tensor Paralel | Zeal |\n|-|-|-|-|-|\n| M | 8 | 16 | 1 | x |\n";
  const auto found = problems(text);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].where, "a.md:2");
  EXPECT_THAT(found[0].what, HasSubstr("unknown column \"Tensor Paralel\"; recognised: \"Model\", \"GPUs\", \"GBS\""));
  EXPECT_THAT(found[0].hint, HasSubstr("tensorparallel"));
  ImportHints with = hints();
  with.keep_unknown = true;
  EXPECT_THAT(cells(import_table(text, "a.md", with), {"Zeal", "unread"}), ElementsAre("x Tensor Paralel; Zeal"));
}

TEST(ImportTable, RefusesMixedUnits) {
  const auto in_a_cell = problems("| Model | GPUs | Step time (s) |\n|-|-|-|\n| M | 8 | 1.5 |\n| M | 8 | 980 ms |\n");
  ASSERT_EQ(in_a_cell.size(), 1u);
  EXPECT_EQ(in_a_cell[0].where, "a.md:4: Step time (s)=980 ms");
  EXPECT_THAT(in_a_cell[0].what, HasSubstr("mixed units: the column is in s, the cell brings \"ms\""));
  const auto columns = problems("| Model | GPUs | Step time (s) | Step time (ms) |\n|-|-|-|-|\n");
  ASSERT_EQ(columns.size(), 1u);
  EXPECT_THAT(columns[0].what, HasSubstr("mixed units"));
  const auto none = problems("| Model | GPUs | Step time |\n|-|-|-|\n");
  ASSERT_EQ(none.size(), 1u);
  EXPECT_THAT(none[0].what, HasSubstr("doesn't say its unit"));
}

TEST(ImportTable, RefusesWhatIsNoTable) {
  EXPECT_THAT(problems("Some prose | with a pipe\n").at(0).what, HasSubstr("no table was recognised"));
  EXPECT_THAT(problems("").at(0).what, HasSubstr("no table was recognised"));
  EXPECT_THAT(problems("| A | B |\n|-|-|\n| 1 | 2 |\n").at(0).what, HasSubstr("\"A\", \"B\""));
  const auto bytes = problems("| Model | GPUs | GBS |\n|-|-|-|\n| M\xFF | 8 | 1 |\n");
  ASSERT_EQ(bytes.size(), 1u);
  EXPECT_EQ(bytes[0].where, "a.md:3");
  EXPECT_THAT(bytes[0].what, HasSubstr("byte 4 of the line is no UTF-8"));
  EXPECT_THAT(problems("| Model | GPUs | GBS |\n|-|-|-|\n| M | 8 | 1 | 2 |\n").at(0).what, HasSubstr("4 cells"));
  EXPECT_THAT(problems("Model |\nGPUs |\nGA |\n---|---|---|\nM |\n8 |\n").at(0).what, HasSubstr("within a row"));
}

}  // namespace
}  // namespace perfbench
