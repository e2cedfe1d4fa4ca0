// A hang that a test ends.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/worker.h"

namespace perfbench {

class Hang {
 public:
  Hang() = default;
  ~Hang() { end(); }
  Hang(const Hang&) = delete;
  Hang& operator=(const Hang&) = delete;

  // Returns when the test ends it.
  void here() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return over_; });
  }

  // Returns when the threads that were left behind have gone home.
  void end() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    while (num_threads_left_behind() > 0) std::this_thread::yield();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
};

}  // namespace perfbench
