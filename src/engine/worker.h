// A thread that lives as long as its owner and does one thing after another. Ranks keep theirs for all steps: CUDA's
// libraries hold handles and compiled plans by thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace perfbench {

class Worker {
 public:
  Worker();
  ~Worker();  // waits for the task at hand
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns at once. The task must not throw, and the one before must be done.
  void start(std::function<void()> task);
  void wait();  // until the task is done

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;  // empty: nothing to do
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace perfbench
