#include "rows/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "base/file.h"
#include "cost/model_flops.h"
#include "job/catalog.h"
#include "job/resolve.h"
#include "rows/published_run.h"
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

TEST(Published, ReadsThousandsOfTokensAndFsdpAsASize) {
  Folder folder;
  folder.write("a.csv",
               "row,system,task,precision,stack,section,source_line,Model,#-GPUs,GBS,SeqLen (K),FSDP\n"
               "1,h100,sft,bf16,megatron,S,9,M 7B,8,16,16,8\n2,h100,sft,bf16,megatron,S,9,M 7B,8,16,4,1\n");
  const auto rows = folder.read();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].seq_len, 16384);
  EXPECT_TRUE(rows[0].fsdp_is_size);
  EXPECT_FALSE(rows[1].fsdp_is_size);
}

TEST(Published, ReadsWhatIsRecomputed) {
  Folder folder;
  std::string text = "row,system,task,precision,stack,section,source_line,Model,#-GPUs,Activation checkpointing\n";
  const std::pair<std::string, std::string> kWords[] = {{"selective op", "selective"},
                                                        {"selective layer", "layers"},
                                                        {"Selective AC", "some"},
                                                        {"full", "full"},
                                                        {"No AC", "none"},
                                                        {"-", ""}};
  int number = 0;
  for (const auto& [printed, word] : kWords)
    text += std::to_string(++number) + ",h100,sft,bf16,torchtitan,S,9,M 7B,8," + printed + "\n";
  folder.write("a.csv", text);
  const auto rows = folder.read();
  ASSERT_EQ(rows.size(), std::size(kWords));
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].recompute, kWords[i].second);
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

PublishedMatch match_in(const Job& job, const PublishedTables& tables, const Catalog& catalog) {
  return match_published(job, published_runs(job, tables, catalog));
}

// Asking for what a published row prints finds that row and no other: what it does not print comes from its config row.
TEST(PublishedTables, MatchThemselves) {
  const Catalog catalog(kData);
  std::map<std::string, PublishedTables> tables;
  int matched = 0;
  for (const PublishedRow& row : read_published(kData / "published")) {
    const PublishedTables& of_system =
        tables.try_emplace(row.system, read_published_tables(catalog, row.system)).first->second;
    Request request;
    request.model = row.model, request.system = row.system, request.stack = row.stack, request.task = row.task;
    request.dtype = std::string(name(row.precision.value()));
    request.num_gpus = row.num_gpus, request.gbs = row.gbs, request.mbs = row.mbs, request.lbs = row.lbs;
    request.seq_len = row.seq_len, request.tp = row.tp, request.pp = row.pp, request.cp = row.cp;
    request.vp = row.vp, request.ep = row.ep;
    if (row.fsdp && !row.fsdp_is_size) request.fsdp = *row.fsdp != 0;
    const auto match = match_in(resolve(request, catalog, Compat::perfbench).job, of_system, catalog);
    EXPECT_EQ(match.row.has_value(), row.has_result()) << row.row << " " << match.note;
    if (!match.row) continue;
    EXPECT_EQ(match.row->row, row.row);
    ++matched;
  }
  EXPECT_EQ(matched, 57);
}

// What a published row ran with is known for each, and no two config rows claim it.
TEST(PublishedTables, EachRowWithAResultHasOneConfigRow) {
  const Catalog catalog(kData);
  std::map<std::string, std::string> row_of_config;
  for (const char* system : {"h100", "b200", "gb200", "gb300"}) {
    const PublishedTables tables = read_published_tables(catalog, system);
    std::map<std::string, int> matches;
    for (const ConfigRow& config : tables.configs.rows) {
      const Job job = make_job(config.request, catalog);
      for (const PublishedRun& run : published_runs(job, tables, catalog)) {
        EXPECT_NE(run.configured, "") << run.row.row;
        const auto [entry, is_new] = row_of_config.emplace(run.configured, run.row.row);
        EXPECT_EQ(entry->second, run.row.row) << run.configured << " stands for two rows";
      }
      if (const auto match = match_in(job, tables, catalog); match.row) ++matches[match.row->row];
    }
    for (const auto& [row, count] : matches) EXPECT_EQ(count, 1) << row;
  }
  EXPECT_EQ(row_of_config.size(), 57u);
}

// A name that stands for one of several config rows is the one that its document prints for it.
TEST(PublishedTables, PrintTheNamesThatConfigRowsBear) {
  const Catalog catalog(kData);
  const PublishedTables tables = read_published_tables(catalog, "h100");
  int named = 0;
  for (const ConfigRow& config : tables.configs.rows) {
    if (config.printed_model.empty()) continue;
    const auto match = match_in(make_job(config.request, catalog), tables, catalog);
    ASSERT_TRUE(match.row) << config.line;
    EXPECT_EQ(match.row->model, config.printed_model);
    ++named;
  }
  EXPECT_EQ(named, 2);
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

PublishedRun sample_run() { return {.row = sample_published(), .job = sample_job(), .configured = "configs.csv:2"}; }

TEST(MatchPublished, TakesTheRowOfExactlyThisConfiguration) {
  const std::vector<PublishedRun> runs{sample_run()};
  const auto match = match_published(sample_job(), runs);
  ASSERT_TRUE(match.row);
  EXPECT_EQ(match.row->row, "001-01");
  EXPECT_EQ(match.note, "");
}

TEST(MatchPublished, NamesTheNearestRowAndWhatItDidOtherwise) {
  PublishedRun far = sample_run();
  far.row.row = "001-02", far.job.gbs = 32, far.job.mbs = 2;
  const std::vector<PublishedRun> runs{far, sample_run()};
  Job job = sample_job();
  job.recompute_modules = {"mlp"};
  const auto match = match_published(job, runs);
  EXPECT_FALSE(match.row);
  EXPECT_EQ(match.note,
            "the nearest published row is 001-01 (table.csv:2, configured in configs.csv:2): recompute_modules none "
            "there, mlp here");
  job.gbs = 64, job.seq_len = 10, job.num_gpus = 16;  // and nothing is near any more
  EXPECT_EQ(match_published(job, runs).note, "");
}

TEST(MatchPublished, TakesNoneOfSeveralThatDisagree) {
  std::vector<PublishedRun> runs{sample_run(), sample_run()};
  runs[1].row.row = "009-01";
  EXPECT_TRUE(match_published(sample_job(), runs).row);  // the same result twice
  runs[1].row.tokens_per_s_per_gpu = 1100.0;
  const auto match = match_published(sample_job(), runs);
  EXPECT_FALSE(match.row);
  EXPECT_THAT(match.note, HasSubstr("001-01 (table.csv:2), 009-01 (table.csv:2)"));
  runs[1].job.stack.name = "automodel";
  EXPECT_EQ(match_published(sample_job(), runs).row->row, "001-01");  // that of the job's stack
}

// The published rows of a made-up table for llama3_8b on h100, and what they ran.
class PublishedRuns : public testing::Test {
 protected:
  static PublishedRow printed() {
    PublishedRow row = sample_published();
    row.model = "LLAMA3-8B", row.task = Task::lora, row.gbs = 32, row.seq_len = 4096, row.tp = 1, row.pp = 1;
    return row;
  }
  Request asked(const PublishedRow& row) const {
    Request request;
    request.model = "llama3_8b", request.system = "h100", request.task = Task::lora, request.dtype = "bf16";
    request.num_gpus = row.num_gpus, request.gbs = row.gbs, request.mbs = row.mbs, request.seq_len = row.seq_len;
    return request;
  }
  Job job(const Request& request) const { return make_job(request, catalog); }
  // The only run of the table for the job of `request`.
  PublishedRun run(const PublishedTables& tables, const Request& request) const {
    const std::vector<PublishedRun> runs = published_runs(job(request), tables, catalog);
    if (runs.size() != 1) throw std::runtime_error(std::to_string(runs.size()) + " runs");
    return runs.front();
  }
  static ConfigTable configs(std::vector<ConfigRow> rows) {
    return {.file = "configs.csv", .rows = std::move(rows), .problems = {}, .warnings = {}};
  }
  static ConfigRow config(int line, Request request) {
    return {.line = line, .request = std::move(request), .model = "llama3", .size = "8b"};
  }

  const Catalog catalog{kData};
};

TEST_F(PublishedRuns, RanWithWhatTheirConfigRowSays) {
  const PublishedRow row = printed();
  Request recipe = asked(row), later = asked(row), other = asked(row);
  recipe.recompute_layers = 4, recipe.cuda_graphs = true;
  later.recompute_layers = 8;  // a row of the user's own, further down
  other.gbs = 64;
  const PublishedTables tables{.rows = {row},
                               .configs = configs({config(2, other), config(3, recipe), config(4, later)})};
  const PublishedRun ran = run(tables, asked(row));
  EXPECT_EQ(ran.configured, "configs.csv:3");
  EXPECT_EQ(ran.job.recompute_layers, 4);
  EXPECT_TRUE(match_published(job(recipe), std::vector{ran}).row);
  for (const Request& differs : {asked(row), later, other})
    EXPECT_FALSE(match_published(job(differs), std::vector{ran}).row);
}

TEST_F(PublishedRuns, OfAnotherStackOrWithoutAConfigRowHaveTheDefaultsOfTheirStack) {
  PublishedRow row = printed();
  Request recipe = asked(row);
  recipe.recompute_layers = 4;  // of megatron
  const PublishedTables none{.rows = {row}, .configs = {}};
  EXPECT_EQ(run(none, asked(row)).configured, "");
  EXPECT_EQ(run(none, asked(row)).job.recompute_layers, 0);
  EXPECT_EQ(run(none, asked(row)).job.lora->targets, std::vector<std::string>{"qkv_proj"});
  row.stack = "automodel", row.fsdp = 8, row.fsdp_is_size = true, row.lbs = 4;
  const PublishedTables automodel{.rows = {row}, .configs = configs({config(2, recipe)})};
  const PublishedRun ran = run(automodel, asked(row));
  EXPECT_EQ(ran.configured, "");
  EXPECT_EQ(ran.job.stack.name, "automodel");
  EXPECT_EQ(ran.job.lora->targets.size(), 7u);
  EXPECT_FALSE(ran.job.packed);
}

TEST_F(PublishedRuns, ComparesWhatIsRecomputedWhereItIsPrinted) {
  PublishedRow row = printed();
  Request none = asked(row), some = asked(row), full = asked(row), parts = asked(row);
  some.recompute_layers = 4, full.recompute_layers = 32, parts.recompute_modules = {"core_attn"};
  const PublishedTables all{.rows = {},
                            .configs = configs({config(2, none), config(3, some), config(4, full), config(5, parts)}),
                            .quirks = {}};
  const std::pair<std::string, std::string> kPlaces[] = {{"", ":2"},     {"none", ":2"},      {"layers", ":3"},
                                                         {"full", ":4"}, {"selective", ":5"}, {"some", ":3"}};
  for (const auto& [word, place] : kPlaces) {
    row.recompute = word;
    PublishedTables tables = all;
    tables.rows = {row};
    EXPECT_EQ(run(tables, asked(row)).configured, "configs.csv" + place) << word;
  }
}

// gbs 32 x seq_len 4096 = 131,072 tokens on 8 GPUs.
TEST_F(PublishedRuns, TokensPerSecondAreWorkedOutWhereNoneArePrinted) {
  PublishedRow row = printed();
  row.num_gpus = 8, row.tokens_per_s_per_gpu.reset(), row.step_time_s = 2.0, row.model_tflops_per_gpu = 100.0;
  const auto rate = [&](const std::vector<TableQuirk>& quirks) {
    const PublishedTables tables{.rows = {row}, .configs = {}, .quirks = quirks};
    return run(tables, asked(row)).tokens_per_s_per_gpu;
  };
  EXPECT_DOUBLE_EQ(rate({}).value(), 131072 / 2.0 / 8);
  row.step_time_s.reset();
  EXPECT_EQ(rate({}), std::nullopt);  // nobody says how the table counts
  const TableQuirk convention{"table.csv", "", std::nullopt, "convention", "nemo_25.04", "r"};
  const TableQuirk constant{"table.csv", "", std::nullopt, "flops_per_token", "2e10", "r"};
  EXPECT_DOUBLE_EQ(rate({convention, constant}).value(), 5000.0);
}

TEST_F(PublishedRuns, ComparesLbsAndFsdpAsTheTablePrintsThem) {
  PublishedRow row = printed();
  Request recipe = asked(row);
  const auto configured = [&] {
    const PublishedTables tables{.rows = {row}, .configs = configs({config(2, recipe)})};
    const std::vector<PublishedRun> runs = published_runs(job(asked(row)), tables, catalog);
    return !runs.empty() && !runs.front().configured.empty();
  };
  EXPECT_TRUE(configured());
  row.fsdp = 1;  // a flag
  EXPECT_FALSE(configured());
  row.fsdp_is_size = true;  // a size: one rank holds everything
  EXPECT_TRUE(configured());
  row.fsdp = 8;
  EXPECT_FALSE(configured());
  recipe.fsdp = true;
  EXPECT_TRUE(configured());
  row.lbs = 4;
  EXPECT_TRUE(configured());
  row.lbs = 8;
  EXPECT_FALSE(configured());
}

TEST_F(PublishedRuns, LeaveOtherKindsAside) {
  PublishedRow row = printed(), no_result = row, other_model = row, other_task = row, other_system = row;
  no_result.tokens_per_s_per_gpu.reset();
  other_model.model = "LLAMA3-70B", other_task.task = Task::sft, other_system.system = "b200";
  const PublishedTables tables{.rows = {no_result, other_model, other_task, other_system, row}, .configs = {}};
  EXPECT_EQ(run(tables, asked(row)).row, row);
  Job own = job(asked(row));
  own.model.name = "my_model";
  EXPECT_TRUE(published_runs(own, tables, catalog).empty());
}

// A config.json of the user's own may bear the name of a published model.
TEST_F(PublishedRuns, OfAModelThatOnlyHasTheNameAreNoMatch) {
  const PublishedTables tables{.rows = {printed()}, .configs = {}};
  Job own = job(asked(printed()));
  own.model.source = "my own file", own.model.aliases.clear(), gqa_of(own.model).rotary->theta = 1.0;
  EXPECT_TRUE(match_in(own, tables, catalog).row) << "the same sizes are the same work";
  own.model.hidden = 2048, dense_of(own.model).ffn = 8192;
  const PublishedMatch match = match_in(own, tables, catalog);
  EXPECT_FALSE(match.row);
  EXPECT_THAT(match.note, HasSubstr("another model by the same name (hidden 4096 there, 2048 here, and 1 more)"));
}

TEST_F(PublishedRuns, OfAnUnknownStackAreNoMatch) {
  PublishedRow row = printed();
  row.stack = "";
  const PublishedMatch match = match_in(job(asked(row)), {.rows = {row}, .configs = {}}, catalog);
  EXPECT_FALSE(match.row);
  EXPECT_THAT(match.note, HasSubstr("stack not said there, megatron here"));
}

TEST_F(PublishedRuns, ThatAreNoJobAreLeftOut) {
  PublishedRow row = printed();
  row.tp = 3;
  EXPECT_TRUE(published_runs(job(asked(row)), {.rows = {row}, .configs = {}}, catalog).empty());
}

TEST(SetPublished, GivesTheRatioOfTokens) {
  const Job job = sample_job();
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  std::vector<PublishedRun> runs{sample_run()};
  set_published(row, job, runs);
  EXPECT_DOUBLE_EQ(row.ratio_to_published.value(), 0.8);  // 800 / 1000
  runs[0].row.tokens_per_s_per_gpu.reset();
  runs[0].row.model_tflops_per_gpu = 700.0;
  set_published(row, job, runs);
  EXPECT_TRUE(row.published);
  EXPECT_FALSE(row.ratio_to_published);
  runs[0].job.cuda_graphs = true;
  set_published(row, job, runs);
  EXPECT_FALSE(row.published);
  EXPECT_THAT(row.notes.back(), HasSubstr("cuda_graphs 1 there, 0 here"));
}

}  // namespace
}  // namespace perfbench
