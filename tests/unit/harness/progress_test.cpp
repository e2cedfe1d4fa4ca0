#include "harness/progress.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace perfbench {
namespace {

TEST(Progress, BarWithRateAndTimeLeft) {
  // 4 runs in 2 s are 2/s; 8 that are not done yet take 4 s.
  EXPECT_EQ(progress_bar({.done = 8, .total = 16, .run_now = 4, .elapsed_s = 2.0}, 44),
            "[##########----------] 8/16  2.0/s  4 s left");
  EXPECT_EQ(progress_bar({.done = 16, .total = 16, .run_now = 4, .elapsed_s = 2.0}, 22), "[##########] 16/16  2.0/s");
}

TEST(Progress, WhatWasDoneBeforeHasNoRate) {
  EXPECT_EQ(progress_bar({.done = 8, .total = 16, .run_now = 0, .elapsed_s = 2.0}, 17), "[#####-----] 8/16");
  EXPECT_EQ(progress_line({.done = 8, .total = 16, .run_now = 0, .elapsed_s = 2.0}, "a row"), "8 of 16: a row");
}

TEST(Progress, LineNamesTheRow) {
  EXPECT_EQ(progress_line({.done = 100, .total = 200, .run_now = 100, .elapsed_s = 5.0}, "a row"),
            "100 of 200, 20/s, 5 s left: a row");
}

TEST(Progress, Durations) {
  EXPECT_EQ(show_duration(0.2), "1 s");
  EXPECT_EQ(show_duration(125.0), "2 min 5 s");
  EXPECT_EQ(show_duration(12000.0), "3 h 20 min");
}

// No more than one line a second: a thousand quick runs print none.
TEST(Progress, QuickRunsPrintNothing) {
  std::FILE* stream = std::tmpfile();
  ASSERT_NE(stream, nullptr);
  {
    Progress progress(stream, false, 1000);
    for (int i = 0; i < 1000; ++i) progress.step(true, "a row");
  }
  EXPECT_EQ(std::ftell(stream), 0);
  std::fclose(stream);
}

}  // namespace
}  // namespace perfbench
