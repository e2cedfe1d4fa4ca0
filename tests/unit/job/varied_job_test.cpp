#include "job/varied_job.h"

#include <gtest/gtest.h>

#include "unit/support/jobs.h"

namespace perfbench {
namespace {

Job base() { return real_job({.dtype = "fp8", .layout = {.tp = 2, .pp = 4, .vp = 4, .dp = 2}, .microbatches = 16}); }

TEST(VariedJob, WithoutAChangeIsTheJob) {
  for (const char* stack : {"megatron", "automodel"}) {
    const Job job = real_job({.stack = stack, .layout = {.pp = 4, .dp = 2}, .microbatches = 16});
    const std::optional<Job> same = varied_job(job, {});
    ASSERT_TRUE(same) << stack;
    EXPECT_EQ(same->gbs, job.gbs);
    EXPECT_EQ(same->lbs, job.lbs);
    EXPECT_EQ(same->num_microbatches, job.num_microbatches);
    EXPECT_EQ(same->layout.fsdp, job.layout.fsdp);
    EXPECT_EQ(same->chunks.size(), job.chunks.size());
    EXPECT_EQ(same->precision, job.precision);
  }
}

TEST(VariedJob, WhatFollowsIsWorkedOutAnew) {
  Request change;
  change.tp = 4;
  const Job job = base();
  const std::optional<Job> varied = varied_job(job, change);
  ASSERT_TRUE(varied);
  EXPECT_EQ(varied->layout.tp, 4);
  EXPECT_EQ(varied->layout.dp, 1);
  EXPECT_EQ(varied->num_microbatches, 32);
  EXPECT_EQ(varied->gbs, job.gbs);
  EXPECT_EQ(varied->layout.vp, 4);
  EXPECT_EQ(varied->origins.at("tp"), "flag");
}

TEST(VariedJob, AVpThatNoLongerFitsGivesWay) {
  Request change;
  change.pp = 16;  // 16 x 4 chunks of 32 layers
  change.tp = 1;
  const std::optional<Job> varied = varied_job(base(), change);
  ASSERT_TRUE(varied);
  EXPECT_EQ(varied->layout.vp, 1);
}

TEST(VariedJob, IsNoneWhereARuleIsBroken) {
  Request change;
  change.tp = 3;
  EXPECT_FALSE(varied_job(base(), change));
}

}  // namespace
}  // namespace perfbench
