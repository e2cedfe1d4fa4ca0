// Each in a process of its own: a signal that came stays.
#include "runners/stop_signal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace perfbench {
namespace {

using testing::ExitedWithCode;
using testing::KilledBySignal;

[[noreturn]] void exit_with_what_came() { std::exit(stop_signal() == 0 ? 0 : static_cast<int>(stop_exit_code())); }

void raise_after_catching(std::initializer_list<int> signals) {
  catch_stop_signals();
  for (const int signal : signals) std::raise(signal);
  exit_with_what_came();
}

TEST(StopSignalDeathTest, TheFirstIsAWish) {
  EXPECT_EXIT(raise_after_catching({}), ExitedWithCode(0), "");
  EXPECT_EXIT(raise_after_catching({SIGINT}), ExitedWithCode(130), "");
  EXPECT_EXIT(raise_after_catching({SIGTERM}), ExitedWithCode(143), "");
}

TEST(StopSignalDeathTest, TheSecondEndsTheProcessWhicheverItIs) {
  EXPECT_EXIT(raise_after_catching({SIGINT, SIGINT}), KilledBySignal(SIGINT), "");
  EXPECT_EXIT(raise_after_catching({SIGINT, SIGTERM}), KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(raise_after_catching({SIGTERM, SIGINT}), KilledBySignal(SIGINT), "");
}

TEST(StopSignalDeathTest, WhatIsIgnoredStaysIgnored) {
  const auto ignoring = [](int ignored, std::initializer_list<int> signals) {
    std::signal(ignored, SIG_IGN);
    raise_after_catching(signals);
  };
  EXPECT_EXIT(ignoring(SIGINT, {SIGINT, SIGINT}), ExitedWithCode(0), "");
  EXPECT_EXIT(ignoring(SIGINT, {SIGTERM, SIGINT}), ExitedWithCode(143), "");
  EXPECT_EXIT(ignoring(SIGINT, {SIGTERM, SIGTERM}), KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace perfbench
