#include "harness/job_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

#include "base/error.h"
#include "unit/rows/sample.h"

namespace perfbench {
namespace {

TEST(JobKey, IsTheSameInEveryProcess) {
  EXPECT_EQ(digest(""), "99aa06d3014798d86001c324468d497f");  // the published value of XXH3-128 of nothing
  EXPECT_EQ(digest("a"), digest("a"));
  EXPECT_EQ(job_key(sample_job(), "code"), job_key(sample_job(), "code"));
}

// One change of each struct that a job is made of.
TEST(JobKey, EveryFieldCounts) {
  const std::vector<std::function<void(Job&)>> changes = {
      [](Job&) {},
      [](Job& job) { job.model.hidden = 16; },
      [](Job& job) { job.model.layers[1].mlp = Mlp::moe; },
      [](Job& job) {
        job.model.windowed = {true, false};
      },
      [](Job& job) {
        job.model.windowed = {false, true};
      },
      [](Job& job) { job.model.moe = MoeShape{.experts = 8}; },
      [](Job& job) { job.model.mla = MlaShape{.q_rank = 8}; },
      [](Job& job) { job.model.mamba = MambaShape{.heads = 8}; },
      [](Job& job) { job.model.video = VideoShape{.text_dim = 8}; },
      [](Job& job) { job.model.norm_eps = 1e-6; },
      [](Job& job) { job.system.memory_bytes.value = 80e9; },
      [](Job& job) { job.system.peak_bf16_flops_per_s.source = "another data sheet"; },
      [](Job& job) { job.stack.layer_split = {LayerSplit::uneven}; },
      [](Job& job) { job.stack.constants.op_gap_s = 1e-6; },
      [](Job& job) { job.precision = Precision::fp8cs; },
      [](Job& job) { job.gbs = 32; },
      [](Job& job) { job.layout.tp = 4; },
      [](Job& job) { job.layout.fsdp = true; },
      [](Job& job) { job.chunks = {{.first = 0, .count = 2}}; },
      [](Job& job) { job.recompute_modules = {"core_attn"}; },
      [](Job& job) { job.notes = {}; },
  };
  std::set<std::string> keys;
  for (const auto& change : changes) {
    Job job = sample_job();
    change(job);
    keys.insert(job_key(job, "code"));
  }
  EXPECT_EQ(keys.size(), changes.size());
  EXPECT_FALSE(keys.contains(job_key(sample_job(), "other code")));
}

// Texts are led by their length: what one loses the next does not gain.
TEST(JobKey, NeighboursDoNotRunTogether) {
  Job one = sample_job(), two = sample_job();
  one.model.name = "ab", one.model.family = "c";
  two.model.name = "a", two.model.family = "bc";
  EXPECT_NE(job_key(one, ""), job_key(two, ""));
}

TEST(JobKey, OriginsDoNotCount) {
  Job job = sample_job();
  job.origins = {{"tp", "elsewhere.csv:1"}};
  EXPECT_EQ(job_key(job, ""), job_key(sample_job(), ""));
}

TEST(JobKey, FileDigest) {
  EXPECT_EQ(file_digest("/dev/null"), digest(""));
  EXPECT_THROW(file_digest("/nowhere/at/all"), InputError);
}

}  // namespace
}  // namespace perfbench
