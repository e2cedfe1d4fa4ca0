// A rank of the real engine that stops: its thread is held in a signal handler until the test lets it go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "base/error.h"
#include "engine/worker.h"
#include "parity/tiny_llama.h"

namespace perfbench {
namespace {

std::array<int, 2> gate{};  // a pipe

void wait_at_gate(int) {
  char byte = 0;
  while (read(gate[0], &byte, 1) != 1) {
  }
}

// The thread of this process by its name; 0: none.
pid_t thread_named(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string found;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, found);
    if (found == name) return std::stoi(task.path().filename().string());
  }
  return 0;
}

class EngineHangs : public WithEngine {
 protected:
  void SetUp() override {
    WithEngine::SetUp();
    ASSERT_EQ(pipe(gate.data()), 0);
    std::signal(SIGUSR1, wait_at_gate);
  }
  void TearDown() override {
    std::signal(SIGUSR1, SIG_DFL);
    for (const int end : gate) close(end);
  }
};

TEST_F(EngineHangs, ARankThatStopsIsNamedAndNobodyWaitsForIt) {
  const Job job = tiny_llama({.name = "", .tp = 2});
  const Plan plan = build_plan(job);
  std::string where, what;
  {
    const auto session = open_tiny(plan, {.timeout_s = 1.0});
    session->step(mock_batch(job, 7, 0), StepKind::train);
    const pid_t rank = thread_named("rank 1");
    ASSERT_GT(rank, 0);
    ASSERT_EQ(syscall(SYS_tgkill, getpid(), rank, SIGUSR1), 0);
    try {
      session->step(mock_batch(job, 7, 1), StepKind::train);
    } catch (const TimeoutError& error) {
      where = error.problems().front().where;
      what = error.problems().front().what;
    }
  }
  EXPECT_EQ(where, "step 2");
  EXPECT_EQ(what, "nothing has gone on for 1 s: rank 1 (stage 0): its task, which it has not begun");
  EXPECT_EQ(num_threads_left_behind(), 1);
  ASSERT_EQ(write(gate[1], "!", 1), 1);
  while (num_threads_left_behind() > 0) std::this_thread::yield();  // it ends by itself, and well
}

// A rank that waits for one that does not come sees it by itself: nothing is left behind.
TEST_F(EngineHangs, ACollectiveThatNobodyJoinsIsATimeoutOfItsStep) {
  const Job job = tiny_llama({.name = "", .pp = 2, .tied = true});
  Plan plan = build_plan(job);
  plan.kinds.at(1).optimizer.erase(plan.kinds[1].optimizer.begin());  // its sum with the other stage
  const auto session = open_tiny(plan, {.timeout_s = 0.5});
  try {
    session->step(mock_batch(job, 7, 0), StepKind::train);
    ADD_FAILURE() << "no timeout";
  } catch (const TimeoutError& error) {
    EXPECT_EQ(error.problems().front().where, "step 1");
    EXPECT_THAT(error.problems().front().what, testing::HasSubstr("all_reduce"));
  }
  EXPECT_EQ(num_threads_left_behind(), 0);
}

}  // namespace
}  // namespace perfbench
