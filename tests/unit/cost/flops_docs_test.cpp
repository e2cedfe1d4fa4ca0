// The figures of docs/metrics.md are those of the code.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "cost/model_flops.h"
#include "job/catalog.h"

namespace perfbench {
namespace {

const std::filesystem::path kRoot = PERFBENCH_SOURCE_DIR;

std::string cell(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention) {
  const auto flops = model_flops_per_token(model, task, seq_len, convention);
  return flops ? fmt::format("{:.4e}", *flops) : "-";
}

TEST(FlopsDocs, ShowWhatEachConventionGivesForLlama3) {
  const Catalog catalog(kRoot / "model_configs");
  const ModelSpec small = catalog.model("llama3_8b", "test"), large = catalog.model("llama3_70b", "test");
  struct Published {
    Task task;
    std::int64_t seq_len;
  };
  std::string table;
  for (const auto& [task, seq_len] :
       {Published{Task::pretrain, 8192}, Published{Task::sft, 4096}, Published{Task::lora, 4096}}) {
    for (const FlopsConvention convention : kFlopsConventions)
      table += fmt::format("| `{}` | {} | {} | {} | {} |\n", name(convention), name(task), seq_len,
                           cell(small, task, seq_len, convention), cell(large, task, seq_len, convention));
  }
  EXPECT_NE(read_file(kRoot / "docs" / "metrics.md").find(table), std::string::npos)
      << "docs/metrics.md must hold this table:\n"
      << table;
}

}  // namespace
}  // namespace perfbench
