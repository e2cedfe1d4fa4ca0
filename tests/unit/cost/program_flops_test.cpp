// Two ways to one number: the sum over the ops of a job's Programs, and the closed form.
#include "unit/cost/program_flops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "cost/model_flops.h"
#include "models/missing.h"
#include "models/programs.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

// The mapping: Programs count attention by its causal half, as nemo_25.09 does, the head once and no look-up of the
// embedding. They differ in the vocabulary alone: each tp rank holds the next multiple of 128 rows.
double mapped_model_flops(const Job& job) {
  const ModelSpec& model = job.model;
  const std::int64_t unit = std::int64_t{128} * job.layout.tp;
  ModelSpec padded = model;
  padded.vocab = (model.vocab + unit - 1) / unit * unit;
  const auto per_token = model_flops_per_token(padded, job.task, job.seq_len, FlopsConvention::nemo_25_09);
  return per_token.value() * static_cast<double>(job.gbs * job.seq_len);
}

void expect_equal(const RealJob& asked) {
  Job job = real_job(asked);
  job.gate = Gate::balanced;  // a router's products are in no convention
  EXPECT_DOUBLE_EQ(program_flops(build_plan(job)), mapped_model_flops(job))
      << asked.model << " tp " << asked.layout.tp << " pp " << asked.layout.pp << " vp " << asked.layout.vp;
}

TEST(ProgramFlops, IsTheClosedFormInEveryLayout) {
  expect_equal({.model = "llama3_8b", .layout = {.dp = 8}});
  expect_equal({.model = "llama3_8b", .layout = {.tp = 2, .pp = 2, .dp = 2}});
  expect_equal({.model = "llama3_8b", .dtype = "fp8", .layout = {.tp = 4, .pp = 2, .vp = 4}});
  expect_equal({.model = "llama3_70b", .layout = {.tp = 4, .pp = 8, .vp = 5, .dp = 2}, .microbatches = 64});
  expect_equal({.model = "llama3_70b", .system = "b200", .dtype = "fp8", .layout = {.tp = 2, .pp = 4, .vp = 5}});
  expect_equal({.model = "llama3_70b", .stack = "perfbench", .layout = {.tp = 1, .pp = 8}});
  // 126 layers on 64 chunks: embedding and loss take the places of two more.
  expect_equal({.model = "llama31_405b", .dtype = "fp8", .layout = {.tp = 8, .pp = 8, .vp = 8}, .microbatches = 16});
}

TEST(ProgramFlops, ExecutedCountsTheForwardOfRecomputedLayersOnceMore) {
  Job job = tiny_job(8, {.tp = 2, .pp = 2});
  const double plain = program_flops(build_plan(job));
  EXPECT_EQ(program_flops(build_plan(job), Recomputed::counted), plain);
  job.stack.recompute_whole_layer = true;
  job.recompute_layers = 4;
  const Plan plan = build_plan(job);
  EXPECT_EQ(program_flops(plan), plain);
  // Of one token's forward through a layer: H 64, F 96, 8 heads and 2 x 4 key/value heads of 8, the causal half of 32.
  const double linears = 2.0 * (64 * (64 + 2 * 32) + 64 * 64 + 3 * 64 * 96), attention = 4.0 * 64 * 32 / 2;
  EXPECT_DOUBLE_EQ(program_flops(plan, Recomputed::counted) - plain,
                   8 * 32 * 8 * (linears + attention));  // layers, tokens, samples
}

// Every model of model_configs that a Program can be built for.
TEST(ProgramFlops, IsTheClosedFormOfEveryModel) {
  const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  std::vector<std::string> checked;
  for (const std::string& model : catalog.model_names()) {
    const RealJob asked{.model = model, .layout = {.tp = 2}, .seq_len = 2048};
    if (missing(real_job(asked))) continue;
    expect_equal(asked);
    checked.push_back(model);
  }
  EXPECT_THAT(checked, testing::IsSupersetOf({"gpt3_175b", "llama31_405b", "llama3_70b", "llama3_8b", "nemotron4_15b",
                                              "nemotron4_340b", "qwen2p5_7b", "qwen3_8b"}));
}

}  // namespace
}  // namespace perfbench
