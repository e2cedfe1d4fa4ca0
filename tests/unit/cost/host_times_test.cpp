#include "cost/host_times.h"

#include <gtest/gtest.h>

#include "unit/support/jobs.h"

namespace perfbench {
namespace {

// Round constants: graphs leave a tenth, overlap takes twice, a Grace CPU half as long again.
Job job_with_experts() {
  Job job = tiny_job(1, {});
  job.model.kinds.front().mlp = Moe{.experts = 8, .top_k = 2, .ffn = 96};
  StackConstants& c = job.stack.constants;
  c.host_attention_s = 1e-3;
  c.host_moe_s = 2e-3;
  c.host_expert_fp8_s = 4e-4;
  c.host_expert_bf16_s = 3e-5;
  c.host_graphs = 0.1;
  c.host_graphs_router = 0.5;
  c.graphs_gap_factor = 0.25;
  c.host_overlap = 2.0;
  c.host_grace = 1.5;
  return job;
}

void expect_times(const Job& job, double attention_s, double moe_s, double expert_s) {
  const HostTimes times = host_times(job);
  EXPECT_NEAR(times.attention_s, attention_s, 1e-12);
  EXPECT_NEAR(times.moe_s, moe_s, 1e-12);
  EXPECT_NEAR(times.expert_s, expert_s, 1e-12);
}

TEST(HostTimes, DenseModelsHaveNone) {
  Job job = job_with_experts();
  job.model.kinds.front().mlp = Dense{.ffn = 96};
  EXPECT_FALSE(host_times(job).any());
}

TEST(HostTimes, AnExpertInFp8IsManyLaunches) {
  Job job = job_with_experts();
  expect_times(job, 1e-3, 2e-3, 3e-5);
  job.precision = Precision::fp8cs;
  expect_times(job, 1e-3, 2e-3, 4e-4);
  EXPECT_TRUE(host_times(job).waits_for_counts);
}

TEST(HostTimes, AGraphOfWholeLayersLeavesAShareAndDoesNotWait) {
  Job job = job_with_experts();
  job.cuda_graphs = true;
  expect_times(job, 1e-4, 2e-4, 3e-6);
  EXPECT_FALSE(host_times(job).waits_for_counts);
}

TEST(HostTimes, GraphsOfPartsLeaveTheOthersAlone) {
  Job job = job_with_experts();
  job.cuda_graphs = true;
  job.graph_modules = {Module::attn};
  expect_times(job, 1e-4, 2e-3, 3e-5);
  EXPECT_EQ(host_times(job).attention_gap, 0.25);
  job.graph_modules = {Module::moe_router, Module::moe_preprocess};
  expect_times(job, 1e-3, 1e-3, 3e-5);
  EXPECT_EQ(host_times(job).attention_gap, 1.0);
  EXPECT_TRUE(host_times(job).waits_for_counts);
  job.graph_modules = {Module::moe};
  expect_times(job, 1e-3, 2e-4, 3e-6);
  EXPECT_FALSE(host_times(job).waits_for_counts);
}

TEST(HostTimes, OverlapAndGraceSlowAllOfIt) {
  Job job = job_with_experts();
  job.ep_overlap = true;
  expect_times(job, 2e-3, 4e-3, 6e-5);
  job.system.host = "grace";
  expect_times(job, 3e-3, 6e-3, 9e-5);
}

}  // namespace
}  // namespace perfbench
