#include "import/import_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace perfbench {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::string megatron(int iteration, double ms, const std::string& grad_norm = "1.5") {
  return " [2026-01-01 00:00:00.000000] iteration        " + std::to_string(iteration) +
         "/      50 | consumed samples:          640 | elapsed time per iteration (ms): " + std::to_string(ms) +
         " | throughput per GPU (TFLOP/s/GPU): 400.1 | global batch size:   128 | lm loss: 1.09E+01 | grad norm: " +
         grad_norm + " | number of nan iterations:   0 |\n";
}

std::string run(int first, int last, double ms) {
  std::string text;
  for (int i = first; i <= last; ++i) text += megatron(i, ms + i);
  return text;
}

std::vector<std::int64_t> numbers(const RunLog& log) {
  std::vector<std::int64_t> all;
  for (const LogIteration& entry : log.iterations) all.push_back(entry.iteration);
  return all;
}

TEST(ImportLog, ReadsMegatron) {
  const RunLog log = import_log("noise\n" + run(1, 3, 1000.0), "a.log");
  EXPECT_EQ(log.format, "Megatron-LM");
  EXPECT_EQ(log.gbs, 128);
  EXPECT_EQ(log.planned, 50);
  EXPECT_THAT(numbers(log), ElementsAre(1, 2, 3));
  EXPECT_THAT(log.iterations[0].step_time_s, ElementsAre(testing::DoubleEq(1.001)));
  EXPECT_EQ(log.iterations[0].tflops_per_gpu, 400.1);
  EXPECT_EQ(log.iterations[0].loss, 10.9);
  EXPECT_EQ(log.iterations[0].grad_norm, 1.5);
  EXPECT_TRUE(log.notes.empty());
}

TEST(ImportLog, AWideGapIsCountedAndALineWithAnAbsurdIterationIsNone) {
  const RunLog log = import_log(run(1, 2, 1000.0) + megatron(900'000'000, 1000.0), "a.log");
  EXPECT_THAT(numbers(log), ElementsAre(1, 2, 900'000'000));
  EXPECT_THAT(log.notes, ElementsAre("iterations that are missing: 3, 4, 5, 6, 7, 8, 9, 10 and 899999989 more"));
  std::string absurd = megatron(3, 1000.0);
  absurd.replace(absurd.find("        3/"), 10, " 9000000000000000000/");
  EXPECT_THAT(numbers(import_log(run(1, 2, 1000.0) + absurd, "a.log")), ElementsAre(1, 2));
  std::string planned = megatron(3, 1000.0);
  planned.replace(planned.find("/      50"), 9, "/ 9e300 ");
  EXPECT_THAT(numbers(import_log(run(1, 2, 1000.0) + planned, "a.log")), ElementsAre(1, 2));
}

TEST(ImportLog, ReadsNemoAndCountsItsStepsFromOne) {
  const RunLog log = import_log(
      "Training epoch 1, iteration 10/999 | lr: 4.498e-06 | global_batch_size: 512 | global_step: 29 | "
      "reduced_train_loss: 11.03 | train_step_timing in s: 46.84 | TFLOPS_per_GPU: 512.5 | consumed_samples: 15360\n",
      "a.log");
  EXPECT_EQ(log.format, "NeMo");
  ASSERT_THAT(numbers(log), ElementsAre(30));
  EXPECT_EQ(log.planned, 1000);
  EXPECT_EQ(log.gbs, 512);
  EXPECT_THAT(log.iterations[0].step_time_s, ElementsAre(46.84));
  EXPECT_EQ(log.iterations[0].tflops_per_gpu, 512.5);
}

TEST(ImportLog, PutsMegatronBridgesLineToItsIteration) {
  const RunLog log = import_log(
      "Step Time : 18.47s GPU utilization: 399.6MODEL_TFLOP/s/GPU\n iteration 4/ 50 | lm loss: 9.0 |\n", "a.log");
  EXPECT_EQ(log.format, "Megatron-Bridge");
  ASSERT_THAT(numbers(log), ElementsAre(4));
  EXPECT_THAT(log.iterations[0].step_time_s, ElementsAre(18.47));
  EXPECT_EQ(log.iterations[0].tflops_per_gpu, 399.6);
}

TEST(ImportLog, ReadsTorchtitanInColours) {
  const RunLog log = import_log(
      "[rank0]:[titan] \x1b[31mstep: 10  \x1b[32mloss:  8.1  \x1b[38;2;1;2;3mgrad_norm: 1.2  memory: 40.00GiB(50.1%)  "
      "\x1b[34mtps: 6,667  tflops: 386.00  mfu: 39.0%\x1b[39m\n",
      "a.log");
  ASSERT_THAT(numbers(log), ElementsAre(10));
  EXPECT_TRUE(log.iterations[0].step_time_s.empty());
  EXPECT_EQ(log.iterations[0].tokens_per_s_per_gpu, 6667.0);
  EXPECT_EQ(log.iterations[0].loss, 8.1);
}

TEST(ImportLog, ReadsAutomodelsSummary) {
  const RunLog log =
      import_log(R"({"total_steps": 30, "warmup_steps": 10, "avg_iter_time_seconds": 10.5, "tflops_per_gpu": 4221.0,)"
                 R"( "world_size": 8, "global_batch_size": 32, "seq_len": 4096})",
                 "a.json");
  EXPECT_EQ(log.mean_step_time_s, 10.5);
  EXPECT_EQ(log.mean_window, "steps 11-30 of 30");
  EXPECT_EQ(log.num_gpus, 8);
  EXPECT_TRUE(log.iterations.empty());
}

TEST(ImportLog, PairsInterleavedRanksByIteration) {
  const std::string text = "[rank0]:" + megatron(1, 1000.0) + "[rank1]:" + megatron(1, 1100.0) +
                           "[rank1]:" + megatron(2, 1200.0) + "[rank0]:" + megatron(2, 1010.0) +
                           "[rank0]:" + megatron(3, 1020.0);
  const RunLog log = import_log(text, "a.log");
  EXPECT_THAT(log.ranks, ElementsAre("0", "1"));
  EXPECT_THAT(numbers(log), ElementsAre(1, 2));
  EXPECT_THAT(log.iterations[1].step_time_s, ElementsAre(testing::DoubleEq(1.010), testing::DoubleEq(1.200)));
  EXPECT_THAT(log.notes, Contains(HasSubstr("without a step time of every rank: iterations 3")));
  // Two records that ran into each other on one line.
  std::string glued = "[rank0]:" + megatron(1, 1000.0);
  glued.pop_back();
  EXPECT_EQ(import_log(glued + "[rank1]:" + megatron(1, 1100.0), "a.log").ranks.size(), 2u);
}

TEST(ImportLog, TakesTheSlowerOfLinesWithoutLabels) {
  const RunLog log = import_log(
      megatron(1, 900.0) + megatron(2, 1000.0) + megatron(1, 950.0) + megatron(2, 990.0) + megatron(3, 1000.0),
      "a.log");
  EXPECT_THAT(numbers(log), ElementsAre(1, 2, 3));
  EXPECT_THAT(log.iterations[0].step_time_s, ElementsAre(testing::DoubleEq(0.95)));
  EXPECT_THAT(log.iterations[1].step_time_s, ElementsAre(1.0));
}

TEST(ImportLog, TakesTheLastOfSeveralAttempts) {
  const RunLog log = import_log(run(1, 20, 5000.0) + "restarting\n" + run(11, 15, 1000.0), "a.log");
  EXPECT_THAT(numbers(log), ElementsAre(11, 12, 13, 14, 15));
  EXPECT_NEAR(log.iterations[0].step_time_s.at(0), 1.011, 1e-9);
  EXPECT_THAT(log.notes, ElementsAre("the last of 2 attempts, from line 22 on"));
}

TEST(ImportLog, CountsTheSameRunOnce) {
  const RunLog log = import_log(run(1, 20, 1000.0) + run(1, 20, 1000.0), "a.log");
  EXPECT_EQ(log.iterations.size(), 20u);
  EXPECT_THAT(log.notes, ElementsAre("the same attempt stands 2 times in the log; it counts once"));
}

TEST(ImportLog, NotesWhatIsWrong) {
  const RunLog log = import_log("\xFF\xFE bytes\n" + run(1, 3, 1000.0) + megatron(5, 1000.0, "nan"), "a.log");
  EXPECT_THAT(log.notes, ElementsAre("bytes that are no UTF-8 were replaced", "iterations that are missing: 4"));
  EXPECT_FALSE(log.iterations[2].not_finite);
  EXPECT_TRUE(log.iterations[3].not_finite);
}

TEST(ImportLog, RefusesALogWithoutStepTimes) {
  EXPECT_THROW(import_log("nothing\n", "a.log"), InputError);
  try {
    import_log("x\n iteration 4/ 50 | lm loss: 9.0 |\n", "a.log");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().at(0).where, "a.log:2");
    EXPECT_THAT(error.problems().at(0).what, HasSubstr("an iteration of Megatron-LM was recognised"));
  }
}

}  // namespace
}  // namespace perfbench
