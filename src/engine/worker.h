// A thread that does one thing after another. Ranks keep theirs for all steps: CUDA's libraries hold handles and
// compiled plans by thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace perfbench {

class Worker {
 public:
  // `name` is what debuggers and top call the thread; they show 15 characters.
  explicit Worker(const std::string& name = "worker");
  ~Worker();  // waits for the task at hand, unless it was left behind
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns at once. The task must not throw, and the one before must be done.
  void start(std::function<void()> task);
  void wait();                                        // until the task is done
  bool wait_for(std::chrono::duration<double> time);  // the same, no longer than that; whether it is done
  // For a task that hangs: nobody waits for it any more. The thread and what the task holds live on until it returns.
  // Nothing else can be started.
  void leave_behind();

 private:
  struct Shared {  // with the thread, which may outlive the Worker
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> task;  // empty: nothing to do
    bool stop = false, left_behind = false;
  };
  static void work(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::thread thread_;
};

// How many threads were left behind and have not returned. A process that has some must end by _exit(): the end of
// main() would take from them what they use, or wait for what they hold.
int num_threads_left_behind();

}  // namespace perfbench
