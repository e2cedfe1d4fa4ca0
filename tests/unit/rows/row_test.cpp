#include "rows/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/rows/sample.h"

namespace perfbench {
namespace {

TEST(Row, HoldsWhatTheJobAsks) {
  const Row row = row_of(sample_job());
  EXPECT_EQ(row.model, "tiny");
  EXPECT_EQ(row.num_gpus, 8);
  EXPECT_EQ(row.lbs, 8);
  EXPECT_EQ(row.dp, 2);
  EXPECT_EQ(row.ga, 8);
  EXPECT_EQ(row.peak_tflops, 989.0);
  EXPECT_EQ(row.flops_convention, "nemo_25.04");
  EXPECT_EQ(row.origins.at("tp"), "flag -tp");
  EXPECT_EQ(row.notes, std::vector<std::string>{"a note"});
  EXPECT_FALSE(row.step_time_s);
}

TEST(Row, HoldsHowTheJobIsTuned) {
  Job job = sample_job();
  EXPECT_EQ(row_of(job).recompute_layers, 0);
  EXPECT_FALSE(row_of(job).lora_alpha);
  job.cuda_graphs = job.packed = true;
  job.recompute_layers = 2, job.offload_layers = 3, job.recompute_modules = {"mlp"};
  job.lora = Lora{.rank = 8, .alpha = 16.0, .targets = {"q_proj"}};
  const Row row = row_of(job);
  EXPECT_TRUE(row.cuda_graphs && row.packed);
  EXPECT_EQ(row.recompute_layers, 2);
  EXPECT_EQ(row.offload_layers, 3);
  EXPECT_EQ(row.recompute_modules, job.recompute_modules);
  EXPECT_EQ(row.lora_rank, 8);
  EXPECT_EQ(row.lora_alpha, 16.0);
  EXPECT_EQ(row.lora_targets, job.lora->targets);
}

TEST(Row, DerivesRatesFromTheStepTime) {
  const Job job = sample_job();
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  EXPECT_DOUBLE_EQ(row.samples_per_s.value(), 6.4);         // 16 / 2.5
  EXPECT_DOUBLE_EQ(row.tokens_per_s_per_gpu.value(), 800);  // 16 * 1000 / 2.5 / 8
  // 6*2*(128 + 64 + 384) + 12*2*8*1000 + 6*8*10 = 199392 FLOPs per token
  EXPECT_DOUBLE_EQ(row.model_tflops_per_gpu.value(), 199392 * 800 / 1e12);
  EXPECT_DOUBLE_EQ(row.mfu.value(), 199392 * 800 / 1e12 / 989.0);
}

TEST(Row, HasNoMfuWithoutAPeakAndSaysWhy) {
  Job job = sample_job();
  job.precision = Precision::nvfp4;
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  EXPECT_TRUE(row.model_tflops_per_gpu);
  EXPECT_FALSE(row.mfu);
  EXPECT_THAT(row.notes, testing::Contains("mfu is null: the data sheet of h100 gives no dense peak for nvfp4"));
}

TEST(Row, HasNoFlopsWithoutAFormAndSaysWhy) {
  Job job = sample_job();
  job.task = Task::lora;
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  EXPECT_TRUE(row.tokens_per_s_per_gpu);
  EXPECT_FALSE(row.model_tflops_per_gpu);
  EXPECT_FALSE(row.mfu);
  EXPECT_EQ(row.flops_convention, "");
  EXPECT_THAT(row.notes, testing::Contains(testing::HasSubstr("no form here for the task lora")));
}

// Whatever the cause: a step time, a rate that follows from it, or a memory.
TEST(Row, WhatIsNotFiniteAndPositiveIsNoResult) {
  const Job job = sample_job();
  const double inf = std::numeric_limits<double>::infinity();
  for (const double seconds : {0.0, -1.0, inf, -inf, std::nan("")}) {
    Row row = row_of(job);
    set_step_time(row, job, seconds);
    EXPECT_EQ(row.status, Status::failed) << seconds;
    EXPECT_EQ(row.feature, "step_time_s");
    EXPECT_THAT(row.reason, testing::HasSubstr("must be finite and above 0"));
    EXPECT_FALSE(row.step_time_s || row.samples_per_s || row.tokens_per_s_per_gpu || row.model_tflops_per_gpu ||
                 row.mfu);
  }
  Row row = row_of(job);
  set_step_time(row, job, std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(row.feature, "samples_per_s") << "over so short a time it is infinite";
  EXPECT_FALSE(row.step_time_s);
  for (const double bytes : {0.0, -1.0, inf, std::nan("")}) {
    row = row_of(job);
    set_step_time(row, job, 2.5);
    set_peak_memory(row, bytes);
    EXPECT_EQ(row.status, Status::failed) << bytes;
    EXPECT_EQ(row.feature, "peak_memory_gib");
    EXPECT_FALSE(row.peak_memory_gib || row.step_time_s);
  }
}

TEST(Row, FiguresThatAreNumbersLeaveTheStatusAsItWas) {
  const Job job = sample_job();
  Row row = row_of(job);
  row.status = Status::oom;
  set_step_time(row, job, 1e-9);
  set_peak_memory(row, 1.0);
  EXPECT_EQ(row.status, Status::oom);
  EXPECT_TRUE(row.step_time_s && row.peak_memory_gib);
}

TEST(Row, KeepsWhatAnUnsupportedRequestSays) {
  Request request;
  request.model = "bert_xxl";
  request.system = "h100";
  request.dtype = "fp8";
  request.fp8_recipe = "ds";
  request.tp = 4;
  const Row row = unsupported_row(request, Unsupported("model", "no config.json of bert_xxl is known"));
  EXPECT_EQ(row.status, Status::unsupported);
  EXPECT_EQ(row.feature, "model");
  EXPECT_EQ(row.reason, "no config.json of bert_xxl is known");
  EXPECT_EQ(row.precision, Precision::fp8ds);
  EXPECT_EQ(row.tp, 4);
  EXPECT_EQ(row.gbs, 0);
}

}  // namespace
}  // namespace perfbench
