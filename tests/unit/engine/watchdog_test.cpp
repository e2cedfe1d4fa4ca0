#include "engine/watchdog.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

#include "unit/support/hang.h"

namespace perfbench {
namespace {

TEST(Watchdog, RunsTasksOnOneThreadAndRethrowsWhatTheyThrow) {
  Watchdog watchdog("test");
  std::thread::id first, second;
  EXPECT_TRUE(watchdog.run([&] { first = std::this_thread::get_id(); }, 60));
  EXPECT_THROW(watchdog.run([] { throw std::out_of_range("thrown"); }, 60), std::out_of_range);
  EXPECT_TRUE(watchdog.run([&] { second = std::this_thread::get_id(); }, 60));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_FALSE(watchdog.hangs());
}

TEST(Watchdog, ATaskThatHangsIsLeftBehind) {
  Hang hang;
  Watchdog watchdog("test");
  EXPECT_FALSE(watchdog.run([&] { hang.here(); }, 0.01));
  EXPECT_TRUE(watchdog.hangs());
  EXPECT_EQ(num_threads_left_behind(), 1);
}

TEST(Watchdog, ARankThatStandsStillHangsHoweverOftenItHasMoved) {
  Hang hang;
  const auto notes = std::make_shared<RankNotes>(2);
  Watchdog watchdog("test", notes);
  const auto task = [&] {
    for (std::size_t i = 0; i < 1000; ++i) notes->of(1).store(rank_note(RankTask::forward, 0, 0, i));
    hang.here();
  };
  EXPECT_FALSE(watchdog.run(task, 0.01));
}

// Twice as long as the limit and the grace together.
TEST(Watchdog, WhatGoesOnMayTakeLongerThanTheLimit) {
  using Clock = std::chrono::steady_clock;
  const auto notes = std::make_shared<RankNotes>(1);
  Watchdog watchdog("test", notes);
  const auto task = [&] {
    const auto end = Clock::now() + std::chrono::milliseconds(1200);
    for (std::size_t i = 0; Clock::now() < end; ++i) {
      notes->of(0).store(rank_note(RankTask::forward, 0, 0, i));
      std::this_thread::yield();
    }
  };
  EXPECT_TRUE(watchdog.run(task, 0.3));
}

}  // namespace
}  // namespace perfbench
