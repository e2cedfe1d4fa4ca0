// The sweep with a runner that returns what it is told; models and systems are the project's own.
#include "harness/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <map>
#include <new>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "job/resolve.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHeader =
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,cuda_"
    "graphs,"
    "use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules\n";
constexpr const char* k8b = "pre_train,llama3,8b,h100,bf16,8,8192,1,1,2,1,1,1,128\n";
constexpr const char* k70b = "pre_train,llama3,70b,h100,fp8,64,8192,4,8,1,1,5,1,128\n";
constexpr const char* kImpossible = "lora,llama31,405b,h100,fp8,32,2048,8,6,1,1,7,1,32\n";
constexpr const char* kUnknownModel = "sft,nobodys,7b,h100,bf16,8,4096,1,1,1,1,1,1,8\n";
constexpr const char* kBroken = "pre_train,llama3,8b,h100,bf16,eight,8192,1,1,2,1,1,1,128\n";

class SweepTest : public testing::Test {
 protected:
  SweepTest() : folder(fs::temp_directory_path() / ("perfbench_sweep_" + std::to_string(::getpid()))) {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~SweepTest() override { fs::remove_all(folder); }

  fs::path table(const std::string& rows, const std::string& name = "table.csv") const {
    write_file(folder / name, kHeader + rows);
    return folder / name;
  }
  SweepPlan plan(const std::string& rows, const std::string& where = "") const {
    const Where filter = where.empty() ? Where{} : parse_where(where, "--where", where_names());
    return plan_sweep({table(rows)}, filter, std::nullopt, catalog);
  }
  // What the runner was asked for is in `ran`; each run takes times[i] s, or 1 s.
  SweepResult run(const std::string& rows, std::int64_t repeats = 1, std::size_t stop_after = 1000) {
    const SweepHooks hooks{.runner =
                               [&](const Job& job) {
                                 if (throws.contains(job.model.name)) {
                                   ran.push_back(job.model.name);
                                   std::rethrow_exception(throws.at(job.model.name));
                                 }
                                 Row row = row_of(job);
                                 if (ran.size() == broken_off_after) {
                                   row.status = broken_off;
                                   broken_off_after = 1000;
                                   return row;
                                 }
                                 set_step_time(row, job, ran.size() < times.size() ? times[ran.size()] : 1.0);
                                 ran.push_back(job.model.name);
                                 return row;
                               },
                           .made_with =
                               [&](const Job& job) {
                                 if (job.model.name == unkeyed) throw InputError("kernels.json", "cannot be read");
                                 return code;
                               },
                           .done = [&](bool, std::string_view) { ++done; },
                           .stop = [&] { return ran.size() >= stop_after; },
                           .method = Method::measured};
    Journal journal(folder, "1.0");
    SweepResult result = sweep(plan(rows), repeats, catalog, hooks, journal);
    if (!result.stopped) {
      FileSet files(folder);
      write_rows(files, result, repeats, journal, TableUse::everywhere);
      files.commit();
    }
    return result;
  }
  std::vector<Row> rows() const { return read_rows_csv(folder / "rows.csv"); }

  Catalog catalog{fs::path(PERFBENCH_SOURCE_DIR) / "model_configs"};
  fs::path folder;
  std::vector<std::string> ran;
  std::vector<double> times;
  std::map<std::string, std::exception_ptr> throws;  // by model: what its run throws
  std::string unkeyed;                               // a model whose key cannot be made
  std::size_t broken_off_after = 1000;               // runs; then one of this status
  Status broken_off = Status::interrupted;
  std::string code = "code 1";
  int done = 0;
};

TEST_F(SweepTest, EveryRowHasAStatusAndTheSweepGoesOn) {
  const SweepResult result = run(std::string(k8b) + kImpossible + kUnknownModel + k70b);
  EXPECT_THAT(ran, ElementsAre("llama3_8b", "llama3_70b"));
  EXPECT_EQ(done, 4);
  const std::vector<Row> swept = rows();
  ASSERT_EQ(swept.size(), 4U);
  EXPECT_EQ(swept[0].status, Status::ok);
  EXPECT_EQ(swept[0].row_choice, "table.csv:2");
  EXPECT_EQ(swept[1].status, Status::failed);
  EXPECT_EQ(swept[1].feature, "rule");
  EXPECT_THAT(swept[1].reason, HasSubstr("table.csv:3: num_gpus=32"));
  EXPECT_EQ(swept[2].status, Status::unsupported);
  EXPECT_EQ(swept[2].feature, "model");
  EXPECT_EQ(swept[3].model, "llama3_70b");
  EXPECT_EQ(result.counts.at(Status::ok), 2);
  EXPECT_EQ(result.counts.at(Status::failed), 1);
  EXPECT_EQ(result.counts.at(Status::unsupported), 1);
}

// Whatever a run throws is that row's result, and a sweep that is run again does not come upon it again.
TEST_F(SweepTest, ARunThatThrowsIsAFailedRowAndTheSweepGoesOn) {
  const std::string both = std::string(k70b) + k8b;
  const std::pair<std::exception_ptr, const char*> cases[] = {
      {std::make_exception_ptr(std::bad_alloc()), "the memory of this machine ran out"},
      {std::make_exception_ptr(std::logic_error("pipeline: the stages wait")), "internal error: pipeline: the stages"},
      {std::make_exception_ptr(InputError("table.json", "kernels of b200")), "table.json: kernels of b200"}};
  for (const auto& [thrown, reason] : cases) {
    SCOPED_TRACE(reason);
    code += "+";
    ran.clear();
    throws["llama3_70b"] = thrown;
    const SweepResult result = run(both);
    EXPECT_THAT(ran, ElementsAre("llama3_70b", "llama3_8b"));
    EXPECT_EQ(result.counts.at(Status::failed), 1);
    const std::vector<Row> swept = rows();
    EXPECT_EQ(swept[0].status, Status::failed);
    EXPECT_EQ(swept[0].method, Method::measured);
    EXPECT_EQ(swept[0].feature, "run");
    EXPECT_THAT(swept[0].reason, HasSubstr(reason));
    EXPECT_EQ(swept[1].status, Status::ok);
    throws.clear();
    EXPECT_EQ(run(both).run_now, 0);
    EXPECT_EQ(rows()[0].reason, swept[0].reason);
  }
}

TEST_F(SweepTest, WhatTheMachineLacksEndsTheSweep) {
  throws["llama3_70b"] = std::make_exception_ptr(EnvironmentError("engine", "is not built"));
  EXPECT_THROW(run(std::string(k8b) + k70b), EnvironmentError);
  throws.clear();
  EXPECT_EQ(run(std::string(k8b) + k70b).done_before, 1);
}

// Such a row is tried again: the journal cannot hold it.
TEST_F(SweepTest, ARowWithoutAKeyIsAFailedRow) {
  unkeyed = "llama3_70b";
  EXPECT_EQ(run(std::string(k70b) + k8b).counts.at(Status::failed), 1);
  EXPECT_EQ(rows()[0].reason, "kernels.json: cannot be read");
  EXPECT_EQ(rows()[1].status, Status::ok);
  unkeyed = "";
  EXPECT_EQ(run(std::string(k70b) + k8b).run_now, 1);
}

TEST_F(SweepTest, BrokenRowsAreCountedAndTheOthersRun) {
  const SweepPlan broken = plan(std::string(k8b) + kBroken + k70b);
  EXPECT_EQ(broken.broken_rows, 1);
  EXPECT_THAT(broken.places, ElementsAre("table.csv:2", "table.csv:4"));
  ASSERT_EQ(broken.problems.size(), 1U);
  EXPECT_THAT(broken.problems[0].where, HasSubstr("table.csv:3: num_gpus=eight"));
  EXPECT_THROW(plan(kBroken), InputError);
  EXPECT_THROW(plan(""), InputError);
}

// NeMo's tables are of megatron: another stack has the layout and batch of a row, not its recipe.
TEST_F(SweepTest, AStackForAllRowsTakesNothingOfTheirSoftware) {
  const fs::path path = table("pre_train,llama3,8b,h100,bf16,8,8192,1,1,2,1,1,1,128,,1,,4,0,\n");
  const auto job_of = [&](const std::string& stack) {
    return make_job(plan_sweep({path}, {}, stack, catalog).rows.at(0).request, catalog);
  };
  EXPECT_EQ(job_of("megatron").recompute_layers, 4);
  EXPECT_TRUE(job_of("megatron").cuda_graphs);
  const Job own = job_of("perfbench");
  EXPECT_EQ(own.stack.name, "perfbench");
  EXPECT_EQ(own.layout.cp, 2);
  EXPECT_EQ(own.gbs, 128);
  EXPECT_EQ(own.recompute_layers, 0);
  EXPECT_FALSE(own.cuda_graphs);
  EXPECT_EQ(own.origins.at("recompute_layers"), "rule: none, since row table.csv:2 is of stack megatron_2504");
}

TEST_F(SweepTest, FinishedRowsAreNotRunAgain) {
  const std::string two = std::string(k8b) + k70b;
  EXPECT_TRUE(run(two, 1, 1).stopped);
  EXPECT_FALSE(fs::exists(folder / "rows.csv"));
  const SweepResult rest = run(two);
  EXPECT_THAT(ran, ElementsAre("llama3_8b", "llama3_70b"));
  EXPECT_EQ(rest.done_before, 1);
  EXPECT_EQ(rest.run_now, 1);
  code = "code 2";
  EXPECT_EQ(run(two).run_now, 2);
}

TEST_F(SweepTest, ARowThatWasInterruptedEndsTheSweepAndRunsAgain) {
  const std::string two = std::string(k8b) + k70b;
  broken_off_after = 1;
  const SweepResult first = run(two);
  EXPECT_TRUE(first.stopped);
  EXPECT_EQ(first.run_now, 1);
  EXPECT_EQ(first.rows.size(), 1U);
  const SweepResult rest = run(two);
  EXPECT_EQ(rest.done_before, 1);
  EXPECT_EQ(rest.run_now, 1);
  EXPECT_EQ(rest.counts.at(Status::ok), 2);
}

TEST_F(SweepTest, ARowThatHungIsDone) {
  const std::string two = std::string(k8b) + k70b;
  broken_off_after = 0;
  broken_off = Status::timeout;
  EXPECT_FALSE(run(two).stopped);
  const SweepResult again = run(two);
  EXPECT_EQ(again.done_before, 2);
  EXPECT_EQ(again.counts.at(Status::timeout), 1);
  EXPECT_EQ(rows()[0].status, Status::timeout);
}

// A record under the key of a job whose row it is not is named and run again, once.
TEST_F(SweepTest, ARowOfAnotherJobIsNamedAndRunAgain) {
  const std::string two = std::string(k8b) + k70b;
  run(two);
  {
    std::string lines = read_file(folder / "journal.jsonl");
    const std::size_t first = lines.find("\"key\":\"") + 7, second = lines.find("\"key\":\"", first) + 7;
    const std::string key8b = lines.substr(first, 32), key70b = lines.substr(second, 32);
    fs::remove(folder / "journal.jsonl");
    Journal journal(folder, "1.0");
    std::vector<Row> made = rows();
    for (Row& row : made) row.run.clear();  // which the journal knows nothing of
    journal.append(key8b, 1, made[1]);
    journal.append(key70b, 1, made[1]);
  }
  const SweepResult again = run(two);
  EXPECT_THAT(again.warnings,
              ElementsAre(HasSubstr("journal.jsonl:2: this record does not count: model is \"llama3_70b\", "
                                    "and the job's is \"llama3_8b\"; its row is run again")));
  EXPECT_EQ(again.run_now, 1);
  EXPECT_EQ(rows()[0].model, "llama3_8b");
  const SweepResult third = run(two);
  EXPECT_EQ(third.run_now, 0);
  EXPECT_TRUE(third.warnings.empty());
}

// The configuration counts, not its place: the row comes from the journal and names its new line.
TEST_F(SweepTest, AMovedRowIsNotRunAgain) {
  run(k8b);
  EXPECT_EQ(run(std::string(k70b) + k8b).run_now, 1);
  const std::vector<Row> swept = rows();
  EXPECT_EQ(swept[1].row_choice, "table.csv:3");
  EXPECT_EQ(swept[1].origins.at("gbs"), "table.csv:3");
}

TEST_F(SweepTest, TheRowOfRepeatsIsTheMedianOne) {
  times = {3.0, 1.0, 2.0, 9.0};
  EXPECT_EQ(run(k8b, 3).run_now, 3);
  EXPECT_EQ(rows()[0].step_time_s, 2.0);
  EXPECT_EQ(rows()[0].notes.back(), "the median of 3 repeats");
  EXPECT_THAT(rows()[0].repeats_s, ElementsAre(3.0, 1.0, 2.0));
  const SweepResult fourth = run(k8b, 4);
  EXPECT_EQ(fourth.done_before, 3);
  EXPECT_EQ(fourth.run_now, 1);
  EXPECT_EQ(rows()[0].step_time_s, 2.0);  // of 1, 2, 3, 9 the lower of the middle two
}

TEST_F(SweepTest, FilesAreThoseOfTheWriters) {
  run(std::string(k8b) + kImpossible + k70b);
  const std::vector<Row> swept = rows();
  EXPECT_EQ(read_file(folder / "rows.csv"), rows_csv(swept));
  EXPECT_EQ(read_file(folder / "rows.json"), rows_json(swept));
  EXPECT_EQ(read_file(folder / "rows.md"), rows_markdown(swept));
}

TEST_F(SweepTest, Filters) {
  const std::string all = std::string(k8b) + k70b + kImpossible;
  const auto places = [&](const std::string& where) { return plan(all, where).places; };
  EXPECT_THAT(places("model=llama3_70b"), ElementsAre("table.csv:3"));
  EXPECT_THAT(places("model=LLAMA3-70B,task=pre_train"), ElementsAre("table.csv:3"));
  EXPECT_THAT(places("model=llama3"), ElementsAre("table.csv:2", "table.csv:3"));
  EXPECT_THAT(places("precision=fp8cs"), ElementsAre("table.csv:3", "table.csv:4"));
  EXPECT_THAT(places("tp=4,tp=8"), ElementsAre("table.csv:3", "table.csv:4"));
  EXPECT_THAT(places("use_mcore_fsdp=false,ep=1,gbs=32"), ElementsAre("table.csv:4"));
  EXPECT_THROW(places("tp_size=16"), InputError);
}

}  // namespace
}  // namespace perfbench
