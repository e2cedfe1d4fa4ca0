#include "rows/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cost/model_flops.h"
#include "spec/catalog.h"
#include "spec/resolve.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

using testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs";

constexpr auto kHeader = "row,system,task,precision,stack,section,source_line,Model,#-GPUs,GBS,MBS,Sequence Length,VP,";

// A folder of published tables, gone with the test.
class Folder {
 public:
  Folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) / (std::string("perfbench_published_") + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const char* name, const std::string& text) const { write_file(path_ / name, text); }
  std::vector<PublishedRow> read(std::string_view system = "") const { return read_published(path_, system); }
  std::vector<Problem> problems() const {
    try {
      read();
    } catch (const InputError& error) {
      return error.problems();
    }
    return {};
  }

 private:
  std::filesystem::path path_;
};

const PublishedRow& find(const std::vector<PublishedRow>& rows, std::string_view id) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const PublishedRow& row) { return row.row == id; });
  if (found == rows.end()) throw std::runtime_error("no row " + std::string(id));
  return *found;
}

TEST(Published, ReadsCellsAsTheyArePrinted) {
  Folder folder;
  folder.write("a.csv", std::string(kHeader) +
                            "Tokens/sec/GPU,Model TFLOPs/sec/GPU,Kernel Optimizations\n"
                            "1,h100,sft,bf16,automodel,S,9,M 7B,8,16,1,4096,-,\"16,789\",n/a,2\n"
                            "2,b200,sft,bf16,automodel,S,9,M 7B,8,16,1,4096,0,,\"1,022.26\",-\n");
  const auto rows = folder.read();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].model, "M 7B");
  EXPECT_EQ(rows[0].source, "a.csv:2");
  EXPECT_EQ(rows[0].task, Task::sft);
  EXPECT_EQ(rows[0].num_gpus, 8);
  EXPECT_EQ(rows[0].seq_len, 4096);
  EXPECT_EQ(rows[0].vp, std::nullopt);
  EXPECT_EQ(rows[0].tokens_per_s_per_gpu, 16789.0);
  EXPECT_EQ(rows[0].model_tflops_per_gpu, std::nullopt);
  EXPECT_EQ(rows[0].step_time_s, std::nullopt);
  EXPECT_EQ(rows[1].vp, std::nullopt);
  EXPECT_EQ(rows[1].model_tflops_per_gpu, 1022.26);
  ASSERT_EQ(folder.read("b200").size(), 1u);
  EXPECT_EQ(folder.read("b200")[0].row, "2");
}

TEST(Published, AppliesCorrectionsAndKeepsWhatWasPrinted) {
  Folder folder;
  folder.write("a.csv", std::string(kHeader) + "GA\n1,h100,pretrain,bf16,megatron,S,9,M,8,1,64,4096,1,16\n");
  folder.write("corrections.csv", "row,column,printed,value,reason\n1,GBS,1,64,swapped\n1,MBS,64,1,swapped\n");
  const auto rows = folder.read();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].gbs, 64);
  EXPECT_EQ(rows[0].mbs, 1);
  ASSERT_EQ(rows[0].corrections.size(), 2u);
  EXPECT_EQ(rows[0].corrections[0], (Correction{"GBS", "1", "64", "swapped"}));
}

TEST(Published, NamesEveryProblemOfATable) {
  Folder folder;
  folder.write("a.csv", std::string(kHeader) +
                            "GA\n"
                            "1,h100,pretrain,bf17,megatron,S,9,M,8,1.5,1,4096,1,16\n"
                            "1,h100,pretrain,bf16,megatron,S,9,M,8,1,1,4096,1,16\n");
  folder.write("b.csv", std::string(kHeader) + "Tokens / second\n");
  folder.write("corrections.csv", "row,column,printed,value,reason\n7,GBS,1,2,r\n1,GBZ,1,2,r\n1,GA,8,16,r\n");
  const auto problems = folder.problems();
  ASSERT_EQ(problems.size(), 7u);
  EXPECT_THAT(problems[0].what, HasSubstr("row 1 stands already in a.csv:2"));
  EXPECT_THAT(problems[1].what, HasSubstr("unknown column \"Tokens / second\""));
  EXPECT_EQ(problems[2].what, "no table has a row 7");
  EXPECT_EQ(problems[3].what, "a.csv has no column GBZ");
  EXPECT_EQ(problems[4].what, "GA of row 1 is printed as \"16\", not as \"8\"");
  EXPECT_THAT(problems[5].where, HasSubstr("a.csv:2: precision=bf17"));
  EXPECT_THAT(problems[6].where, HasSubstr("a.csv:2: GBS=1.5"));
}

TEST(Published, HasNoRowsWithoutAFolder) { EXPECT_TRUE(read_published("/no/such/folder").empty()); }

TEST(PublishedTables, AllRead) {
  const auto rows = read_published(kData / "published");
  const PublishedRow& llama = find(rows, "001-19");
  EXPECT_EQ(llama.tokens_per_s_per_gpu, 1621.0);
  EXPECT_EQ(llama.vp, 5);
  EXPECT_EQ(find(rows, "001-08").gbs, 64);  // printed 1, swapped with MBS
  EXPECT_EQ(find(rows, "000-02").vp, 4);    // printed 8
  EXPECT_TRUE(find(rows, "000-02").fsdp_is_size);
  EXPECT_FALSE(find(rows, "001-03").fsdp_is_size);
  EXPECT_EQ(find(rows, "002-02").model_tflops_per_gpu, 1022.26);
  EXPECT_FALSE(find(rows, "004-01").has_result());
  const Catalog catalog(kData);
  for (const PublishedRow& row : rows) EXPECT_TRUE(catalog.has_model(row.model)) << row.row << " " << row.model;
}

// Asking for a published configuration finds that row and no other.
TEST(PublishedTables, MatchThemselves) {
  const Catalog catalog(kData);
  const auto rows = read_published(kData / "published");
  int matched = 0;
  for (const PublishedRow& row : rows) {
    Request request;
    request.model = row.model, request.system = row.system, request.stack = row.stack, request.task = row.task;
    request.dtype = std::string(name(row.precision.value()));
    request.num_gpus = row.num_gpus, request.gbs = row.gbs, request.mbs = row.mbs, request.lbs = row.lbs;
    request.seq_len = row.seq_len, request.tp = row.tp, request.pp = row.pp, request.cp = row.cp;
    request.vp = row.vp, request.ep = row.ep;
    if (row.fsdp && !row.fsdp_is_size) request.fsdp = *row.fsdp != 0;
    const auto match = match_published(make_job(request, catalog), rows);
    EXPECT_EQ(match.row.has_value(), row.has_result()) << row.row << " " << match.note;
    if (!match.row) continue;
    EXPECT_EQ(match.row->row, row.row);
    ++matched;
  }
  EXPECT_EQ(matched, 57);
}

// tokens/s x FLOPs per token must be the printed TFLOP/s, within what the rounding of both figures allows.
TEST(PublishedTables, PrintTheTflopsOfTheNamedConvention) {
  const Catalog catalog(kData);
  int checked = 0;
  for (const PublishedRow& row : read_published(kData / "published")) {
    const std::string model = canonical_name(row.model);
    const bool dense = model == "llama3_8b" || model == "llama3_70b" || model == "nemotron_15b";
    if (!dense || row.task != Task::pretrain || row.precision != Precision::fp8cs || !row.has_result()) continue;
    const auto flops = model_flops_per_token(catalog.model(row.model, row.source), *row.task, row.seq_len.value(),
                                             FlopsConvention::nemo_25_04);
    const double tokens = row.tokens_per_s_per_gpu.value(), printed = row.model_tflops_per_gpu.value();
    const double rounding = 0.5 / tokens + 0.5 / printed;
    EXPECT_NEAR(flops.value() * tokens / 1e12 / printed, 1.0, rounding) << row.row;
    ++checked;
  }
  EXPECT_EQ(checked, 9);  // three models on three systems
}

TEST(MatchPublished, TakesTheRowOfExactlyThisConfiguration) {
  const std::vector<PublishedRow> rows{sample_published()};
  const auto match = match_published(sample_job(), rows);
  ASSERT_TRUE(match.row);
  EXPECT_EQ(match.row->row, "001-01");
  EXPECT_EQ(match.note, "");
}

TEST(MatchPublished, TakesNoneThatDiffersInOneValue) {
  const std::vector<PublishedRow> rows{sample_published()};
  const auto differs = [&](auto&& change) {
    Job job = sample_job();
    change(job);
    return !match_published(job, rows).row;
  };
  EXPECT_TRUE(differs([](Job& job) { job.model.aliases.clear(); }));
  EXPECT_TRUE(differs([](Job& job) { job.system.name = "h200"; }));
  EXPECT_TRUE(differs([](Job& job) { job.task = Task::sft; }));
  EXPECT_TRUE(differs([](Job& job) { job.precision = Precision::fp8cs; }));
  EXPECT_TRUE(differs([](Job& job) { job.num_gpus = 16; }));
  EXPECT_TRUE(differs([](Job& job) { job.gbs = 32; }));
  EXPECT_TRUE(differs([](Job& job) { job.mbs = 2; }));
  EXPECT_TRUE(differs([](Job& job) { job.seq_len = 2000; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.tp = 4; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.pp = 4; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.cp = 2; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.vp = 2; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.ep = 2; }));
  EXPECT_TRUE(differs([](Job& job) { job.layout.fsdp = true; }));
}

TEST(MatchPublished, ComparesLbsAndFsdpAsTheTablePrintsThem) {
  std::vector<PublishedRow> rows{sample_published()};
  Job job = sample_job();  // dp 2, lbs 8
  const auto matches = [&] { return match_published(job, rows).row.has_value(); };
  rows[0].lbs = 4;
  EXPECT_FALSE(matches());
  rows[0].lbs = 8;
  EXPECT_TRUE(matches());
  rows[0].fsdp = 1;  // a flag
  EXPECT_FALSE(matches());
  rows[0].fsdp_is_size = true;  // a size: one rank holds everything
  EXPECT_TRUE(matches());
  rows[0].fsdp = 2;
  EXPECT_FALSE(matches());
  job.layout.fsdp = true;
  EXPECT_TRUE(matches());
}

TEST(MatchPublished, TakesNoneOfSeveralThatDisagree) {
  std::vector<PublishedRow> rows{sample_published(), sample_published()};
  rows[1].row = "009-01";
  EXPECT_TRUE(match_published(sample_job(), rows).row);  // the same result twice
  rows[1].tokens_per_s_per_gpu = 1100.0;
  const auto match = match_published(sample_job(), rows);
  EXPECT_FALSE(match.row);
  EXPECT_THAT(match.note, HasSubstr("001-01 (table.csv:2), 009-01 (table.csv:2)"));
  rows[1].stack = "automodel";
  EXPECT_EQ(match_published(sample_job(), rows).row->row, "001-01");  // that of the job's stack
}

TEST(MatchPublished, LeavesRecommendationsWithoutAResultAside) {
  std::vector<PublishedRow> rows{sample_published(), sample_published()};
  rows[0].tokens_per_s_per_gpu.reset();
  rows[0].row = "004-01";
  EXPECT_EQ(match_published(sample_job(), rows).row->row, "001-01");
}

TEST(SetPublished, GivesTheRatioOfTokens) {
  const Job job = sample_job();
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  std::vector<PublishedRow> rows{sample_published()};
  set_published(row, job, rows);
  EXPECT_DOUBLE_EQ(row.ratio_to_published.value(), 0.8);  // 800 / 1000
  rows[0].tokens_per_s_per_gpu.reset();
  rows[0].model_tflops_per_gpu = 700.0;
  set_published(row, job, rows);
  EXPECT_TRUE(row.published);
  EXPECT_FALSE(row.ratio_to_published);
}

}  // namespace
}  // namespace perfbench
