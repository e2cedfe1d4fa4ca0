// Every row of the config tables is a Job, and its gradient accumulation is what the published tables print.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "job/resolve.h"
#include "rows/published.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(PERFBENCH_SOURCE_DIR) / "model_configs";

const Catalog& catalog() {
  static const Catalog kCatalog(kFolder);
  return kCatalog;
}

std::vector<Job> jobs_of_all_tables() {
  std::vector<Job> jobs;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".csv") continue;
    const ConfigTable table = read_config_table(entry.path());
    EXPECT_TRUE(table.problems.empty()) << format_problems(table.problems);
    EXPECT_TRUE(table.warnings.empty()) << table.warnings.front();
    for (const ConfigRow& row : table.rows) {
      try {
        jobs.push_back(make_job(row.request, catalog()));
      } catch (const std::exception& error) {
        ADD_FAILURE() << table.file << ":" << row.line << ": " << error.what();
      }
    }
  }
  return jobs;
}

std::vector<PublishedRow> published_rows() { return read_published(kFolder / "published"); }

// Sizes in one order; one that is not printed is 1, a microbatch that is not printed is the job's.
std::vector<std::int64_t> numbers_of(const PublishedRow& row, const Job& job) {
  const auto axis = [](const std::optional<std::int64_t>& size) { return size.value_or(1); };
  return {row.num_gpus.value_or(-1),
          row.gbs.value_or(-1),
          row.mbs.value_or(job.mbs),
          row.seq_len.value_or(-1),
          axis(row.tp),
          axis(row.pp),
          axis(row.cp),
          axis(row.vp),
          axis(row.ep)};
}

std::vector<std::int64_t> numbers_of(const Job& job) {
  const ParallelLayout& l = job.layout;
  return {job.num_gpus, job.gbs, job.mbs, job.seq_len, l.tp, l.pp, l.cp, l.vp, l.ep};
}

bool is_row(const Job& job, const PublishedRow& row, const std::string& model) {
  return job.model.name == model && job.system.name == row.system && job.task == row.task &&
         job.precision == row.precision && job.stack.name == catalog().stack_name(row.stack) &&
         numbers_of(job) == numbers_of(row, job);
}

TEST(PublishedRows, EveryConfigRowIsAJobAndEveryPublishedRowHasOne) {
  const std::vector<Job> jobs = jobs_of_all_tables();
  int rows_with_ga = 0;
  for (const PublishedRow& row : published_rows()) {
    const std::string model = catalog().model(row.model, row.row).name;
    const auto job = std::ranges::find_if(jobs, [&](const Job& candidate) { return is_row(candidate, row, model); });
    if (job == jobs.end()) {
      ADD_FAILURE() << "no config row stands for published row " << row.row;
      continue;
    }
    if (!row.ga) continue;
    ++rows_with_ga;
    EXPECT_EQ(job->ga, row.ga) << row.row;
    EXPECT_EQ(job->lbs, row.lbs.value_or(job->lbs)) << row.row;
  }
  // Of documents whose every row prints it; GPT-3 of DGX Cloud doesn't, nor do 26.02, 24.07, torchtitan and FMS.
  EXPECT_EQ(rows_with_ga, 13 + 39 + 16 + 27 + 32 + 9 + 8 + (70 - 10));
}

// Of a row: what its document prints of `column`, before any correction.
std::int64_t printed(const PublishedRow& row, std::string_view column, std::int64_t corrected) {
  const auto found = std::ranges::find(row.corrections, column, &Correction::column);
  return found == row.corrections.end() ? corrected : parse_int(found->printed).value_or(-1);
}

// LBS 4 x GA 4 x DP 1 of 000-10 and LBS 4 x GA 2 x DP 2 of 000-12 are not their GBS 32: the one prints a wrong GA, the
// other a wrong LBS. Every other dense row is a Job with the accumulation that it prints, uncorrected.
TEST(PublishedRows, DenseRowsHaveTheAccumulationThatTheyPrint) {
  const std::vector<Job> jobs = jobs_of_all_tables();
  std::vector<std::string> other_ga, other_lbs;
  int checked = 0;
  for (const PublishedRow& row : published_rows()) {
    const ModelSpec model = catalog().model(row.model, row.row);
    if (!is_dense_decoder(model) || !row.ga) continue;
    const auto job =
        std::ranges::find_if(jobs, [&](const Job& candidate) { return is_row(candidate, row, model.name); });
    ASSERT_NE(job, jobs.end()) << row.row;
    ++checked;
    EXPECT_EQ(job->gbs, job->mbs * job->num_microbatches * job->num_flushes * job->layout.dp) << row.row;
    if (job->ga != printed(row, "GA", *row.ga)) other_ga.push_back(row.row);
    if (row.lbs && job->lbs != printed(row, "LBS", *row.lbs)) other_lbs.push_back(row.row);
  }
  EXPECT_EQ(other_ga, std::vector<std::string>{"000-10"});
  EXPECT_EQ(other_lbs, std::vector<std::string>{"000-12"});
  EXPECT_EQ(checked, 6 + 33 + 10 + 13 + 15 + 7 + 6 + (70 - 10 - 6));
}

// AutoModel's pipelines hold two layers a chunk ("layers per stage" of its configurations). NeMo's recipe of the 405B
// counts the embedding and the loss as layers: 126 + 2 on 64 chunks; but 126 layers are dealt evenly to PP 9 x VP 7.
TEST(PublishedRows, LayersOfEachChunkAreThoseOfTheRecipes) {
  int automodel = 0, largest = 0;
  for (const Job& job : jobs_of_all_tables()) {
    if (!is_dense_decoder(job.model) || job.layout.pp == 1) continue;
    const bool of_405b =
        job.model.name == "llama31_405b" && job.stack.name.starts_with("megatron") && job.chunks.size() % 63 != 0;
    if (job.stack.name != "automodel" && !of_405b) continue;
    const int slots = of_405b ? 128 / (job.layout.pp * job.layout.vp) : 2;
    for (const ChunkLayers& chunk : job.chunks) {
      const int taken = of_405b ? chunk.embedding + chunk.head : 0;
      EXPECT_EQ(chunk.count, slots - taken) << job.model.name << " " << job.stack.name << " layer " << chunk.first;
    }
    ++(of_405b ? largest : automodel);
  }
  EXPECT_EQ(automodel, 4);  // 000-10 to 000-13
  EXPECT_GE(largest, 3);
}

// Rows whose document gives a command that differs from its own table are Jobs under the command's numbers, too.
TEST(PublishedRows, TheCommandOfRow00404HasTwiceTheAccumulationOfItsTable) {
  Request flags;
  flags.model = "llama3_8b";
  flags.system = "b200";
  flags.dtype = "fp8";
  flags.num_gpus = 8;
  flags.gbs = 128;
  flags.mbs = 1;
  flags.tp = flags.pp = flags.cp = flags.vp = flags.ep = 1;
  for (const char* field : {"model", "system", "dtype", "num_gpus", "gbs", "mbs", "tp"}) flags.origins[field] = "flag";
  const Resolved resolved = resolve(flags, catalog(), Compat::nemo);
  EXPECT_EQ(resolved.job.precision, Precision::fp8ds);
  EXPECT_EQ(resolved.job.ga, 16) << "the table of the document prints MBS 2, GA 8";
}

}  // namespace
}  // namespace perfbench
