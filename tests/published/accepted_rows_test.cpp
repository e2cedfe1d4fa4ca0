// Every row of the config tables is a Job, and its gradient accumulation is what the published tables print.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/csv.h"
#include "base/error.h"
#include "base/text.h"
#include "job/resolve.h"

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

// A published row by heading, corrections applied, headings folded: "#-GPUs" and "#GPUs" are "gpus".
using Cells = std::map<std::string, std::string>;

std::string folded(const std::string& heading) {
  std::string text;
  for (char c : lower(heading)) {
    if (std::isalnum(static_cast<unsigned char>(c))) text += c;
  }
  return text;
}

std::vector<Cells> published_rows() {
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::string>> corrections;
  const CsvTable mended = read_csv(kFolder / "published" / "corrections.csv");
  for (const CsvRow& row : mended.rows) {
    corrections[{row.cells.at(0), folded(row.cells.at(1))}] = {row.cells.at(2), row.cells.at(3)};
  }
  std::vector<Cells> rows;
  for (const char* name : {"automodel_h100_bf16.csv", "nemo_2504_fp8.csv", "dfm_wan.csv", "aws_performance.csv"}) {
    const CsvTable table = read_csv(kFolder / "published" / name);
    for (const CsvRow& row : table.rows) {
      Cells cells;
      for (std::size_t i = 0; i < table.header.size(); ++i) {
        const std::string heading = folded(table.header[i]);
        std::string value(trim(row.cells[i]));
        if (const auto found = corrections.find({row.cells[0], heading}); found != corrections.end()) {
          EXPECT_EQ(value, found->second.first) << row.cells[0] << " " << heading;
          cells["printed " + heading] = value;
          value = found->second.second;
        }
        if (heading == "task" && cells.contains("task")) continue;  // the printed one; ours stands first
        if (!is_unset(value)) cells[heading] = value;
      }
      rows.push_back(std::move(cells));
    }
  }
  return rows;
}

std::int64_t number(const Cells& row, const std::string& heading, std::int64_t fallback) {
  const auto found = row.find(heading);
  return found == row.end() ? fallback : parse_int(found->second).value_or(-1);
}

// What a row prints, in the order of `numbers_of(Job)`; 0 of VP and EP is printed for unset.
std::vector<std::int64_t> numbers_of(const Cells& row) {
  const std::int64_t seq =
      number(row, "sequencelength", number(row, "seqlength", number(row, "packedsequencelength", -1)));
  const auto axis = [&row](const char* heading) { return std::max<std::int64_t>(1, number(row, heading, 1)); };
  return {number(row, "gpus", -1),
          number(row, "gbs", -1),
          number(row, "mbs", -1),
          seq,
          axis("tp"),
          axis("pp"),
          axis("cp"),
          axis("vp"),
          axis("ep")};
}

std::vector<std::int64_t> numbers_of(const Job& job) {
  const ParallelLayout& l = job.layout;
  return {job.num_gpus, job.gbs, job.mbs, job.seq_len, l.tp, l.pp, l.cp, l.vp, l.ep};
}

bool is_row(const Job& job, const Cells& row, const std::string& model) {
  return job.model.name == model && job.system.name == row.at("system") && name(job.task) == row.at("task") &&
         name(job.precision) == row.at("precision") && job.stack.name == row.at("stack") &&
         numbers_of(job) == numbers_of(row);
}

TEST(PublishedRows, EveryConfigRowIsAJobAndEveryPublishedRowHasOne) {
  const std::vector<Job> jobs = jobs_of_all_tables();
  int rows_with_ga = 0;
  for (const Cells& row : published_rows()) {
    const std::string model = catalog().model(row.at("model"), row.at("row")).name;
    const auto job = std::ranges::find_if(jobs, [&](const Job& candidate) { return is_row(candidate, row, model); });
    if (job == jobs.end()) {
      ADD_FAILURE() << "no config row stands for published row " << row.at("row");
      continue;
    }
    if (!row.contains("ga")) continue;
    ++rows_with_ga;
    EXPECT_EQ(job->ga, number(row, "ga", -1)) << row.at("row");
    EXPECT_EQ(job->lbs, number(row, "lbs", job->lbs)) << row.at("row");
  }
  EXPECT_EQ(rows_with_ga, 13 + 39 + 16);  // every row of three documents; the WAN tables print no GA
}

// Of a row: the number under `heading` before any correction.
std::int64_t printed(const Cells& row, const std::string& heading) {
  return number(row, row.contains("printed " + heading) ? "printed " + heading : heading, -1);
}

// LBS 4 x GA 4 x DP 1 of 000-10 and LBS 4 x GA 2 x DP 2 of 000-12 are not their GBS 32: the one prints a wrong GA, the
// other a wrong LBS. Every other dense row is a Job with the accumulation that it prints, uncorrected.
TEST(PublishedRows, DenseRowsHaveTheAccumulationThatTheyPrint) {
  const std::vector<Job> jobs = jobs_of_all_tables();
  std::vector<std::string> other_ga, other_lbs;
  int checked = 0;
  for (const Cells& row : published_rows()) {
    const ModelSpec model = catalog().model(row.at("model"), row.at("row"));
    if (!is_dense_decoder(model) || !row.contains("ga")) continue;
    const auto job =
        std::ranges::find_if(jobs, [&](const Job& candidate) { return is_row(candidate, row, model.name); });
    ASSERT_NE(job, jobs.end()) << row.at("row");
    ++checked;
    EXPECT_EQ(job->gbs, job->mbs * job->num_microbatches * job->num_flushes * job->layout.dp) << row.at("row");
    if (job->ga != printed(row, "ga")) other_ga.push_back(row.at("row"));
    if (row.contains("lbs") && job->lbs != printed(row, "lbs")) other_lbs.push_back(row.at("row"));
  }
  EXPECT_EQ(other_ga, std::vector<std::string>{"000-10"});
  EXPECT_EQ(other_lbs, std::vector<std::string>{"000-12"});
  EXPECT_EQ(checked, 6 + 33 + 10);
}

// AutoModel's pipelines hold two layers a chunk ("layers per stage" of its configurations). NeMo's recipe of the 405B
// counts the embedding and the loss as layers: 126 + 2 on 64 chunks.
TEST(PublishedRows, LayersOfEachChunkAreThoseOfTheRecipes) {
  int automodel = 0, largest = 0;
  for (const Job& job : jobs_of_all_tables()) {
    if (!is_dense_decoder(job.model) || job.layout.pp == 1) continue;
    const bool of_405b = job.model.name == "llama31_405b" && job.stack.name == "megatron";
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
