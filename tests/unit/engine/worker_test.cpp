#include "engine/worker.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "unit/support/hang.h"

namespace perfbench {
namespace {

TEST(Worker, DoesAllTasksOnOneThreadOfItsOwn) {
  Worker worker;
  std::set<std::thread::id> threads;
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    worker.start([&] {
      threads.insert(std::this_thread::get_id());
      ++done;
    });
    worker.wait();
    EXPECT_EQ(done, i + 1);
  }
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Worker, WaitsForTheTaskAtHandBeforeItEnds) {
  bool done = false;
  {
    Worker worker;
    worker.start([&] { done = true; });
  }
  EXPECT_TRUE(done);
}

TEST(Worker, TasksOfTwoRunSideBySide) {
  Worker one, two;
  std::mutex mutex;
  std::condition_variable met;
  int here = 0;
  const auto meet = [&] {  // neither goes on without the other
    std::unique_lock lock(mutex);
    ++here;
    met.notify_all();
    met.wait(lock, [&] { return here == 2; });
  };
  one.start(meet);
  two.start(meet);
  one.wait();
  two.wait();
  EXPECT_EQ(here, 2);
}

TEST(Worker, ATaskThatHangsIsLeftBehindWithWhatItHolds) {
  Hang hang;
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> seen = held;
  {
    Worker worker;
    worker.start([&hang, held] { hang.here(); });
    held.reset();
    EXPECT_FALSE(worker.wait_for(std::chrono::milliseconds(1)));
    worker.leave_behind();
    EXPECT_EQ(num_threads_left_behind(), 1);
    EXPECT_THROW(worker.start([] {}), std::logic_error);
  }
  EXPECT_FALSE(seen.expired());
  hang.end();
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(num_threads_left_behind(), 0);
}

TEST(Worker, WaitForSaysThatATaskIsDone) {
  Worker worker;
  EXPECT_TRUE(worker.wait_for(std::chrono::hours(1)));
  worker.start([] {});
  EXPECT_TRUE(worker.wait_for(std::chrono::hours(1)));
}

}  // namespace
}  // namespace perfbench
