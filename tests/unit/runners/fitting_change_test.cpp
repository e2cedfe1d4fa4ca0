#include "runners/fitting_change.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "models/programs.h"
#include "runners/simulate_row.h"
#include "sim/memory.h"
#include "unit/support/jobs.h"

namespace perfbench {
namespace {

double peak_of(const Job& job) {
  double peak = 0.0;
  for (const StageMemoryBytes& stage : replay_memory(build_plan(job))) peak = std::max(peak, stage.total());
  return peak;
}

void set_capacity(Job& job, std::optional<double> bytes) {
  job.system.cuda_memory_bytes.reset();
  job.system.memory_bytes.value = bytes;
}

// Llama 3 8B on 8 GPUs, four samples a microbatch; `share` of its memory is what a GPU has.
Job too_large(double share, std::int64_t mbs = 4) {
  Job job = real_job({.layout = {.tp = 2, .dp = 4}, .microbatches = 8});
  job.mbs = mbs;
  job.num_microbatches = static_cast<int>(8 / mbs);
  set_capacity(job, share * peak_of(job));
  return job;
}

TEST(FittingChange, TakesTheLargestMicrobatchThatFits) {
  const std::optional<FittingChange> change = fitting_change(too_large(0.95));
  ASSERT_TRUE(change);
  EXPECT_EQ(change->flags, "-mb 2");
  EXPECT_EQ(change->job.mbs, 2);
  EXPECT_EQ(change->peak_memory_bytes, peak_of(change->job));
}

TEST(FittingChange, ThenRecomputesAsLittleAsWillDo) {
  EXPECT_EQ(fitting_change(too_large(0.99, 1))->flags.substr(0, 19), "--recompute_modules");
  const Job job = too_large(0.72, 1);
  const std::optional<FittingChange> change = fitting_change(job);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->flags, "-rl " + std::to_string(change->job.recompute_layers));
  Job fewer = job;
  fewer.recompute_layers = change->job.recompute_layers - 1;
  EXPECT_GT(peak_of(fewer), *job.system.memory_bytes.value);
}

TEST(FittingChange, ThenTakesALargerLayout) {
  Job job = too_large(1.0, 1);
  job.recompute_layers = 32;
  set_capacity(job, 0.9 * peak_of(job));
  const std::optional<FittingChange> change = fitting_change(job);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->flags, "-tp 4");
  EXPECT_LE(change->peak_memory_bytes, *job.system.memory_bytes.value);
}

TEST(FittingChange, IsNoneWhereNothingFits) {
  EXPECT_FALSE(fitting_change(too_large(0.01)));
  Job job = too_large(1.0);
  set_capacity(job, std::nullopt);
  EXPECT_FALSE(fitting_change(job));
}

bool notes(const Row& row, std::string_view beginning) {
  return std::ranges::any_of(row.notes, [&](const std::string& note) { return note.starts_with(beginning); });
}

TEST(FittingChange, StandsInTheRow) {
  const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  const Job job = too_large(0.95);
  const Row row = simulate_row(job, catalog);
  EXPECT_EQ(row.status, Status::oom);
  ASSERT_TRUE(row.fits_with && row.fits_with->step_time_s && row.step_time_s);
  EXPECT_EQ(row.fits_with->flags, "-mb 2");
  EXPECT_NEAR(*row.fits_with->step_time_s / *row.step_time_s, 1.0, 0.1);
  EXPECT_LT(*row.memory_headroom_gib, 0.0);
  EXPECT_TRUE(notes(row, "fits with -mb 2: "));

  const Row none = simulate_row(too_large(0.01), catalog);
  EXPECT_FALSE(none.fits_with);
  EXPECT_TRUE(notes(none, "no change that was tried fits"));

  const Row near = simulate_row(too_large(1.01), catalog);
  EXPECT_EQ(near.status, Status::ok);
  EXPECT_NEAR(*near.memory_headroom_gib, 0.01 * *near.peak_memory_gib, 1e-6);
  EXPECT_TRUE(notes(near, "near capacity: "));
}

}  // namespace
}  // namespace perfbench
