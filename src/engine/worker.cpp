#include "engine/worker.h"

#include <utility>

#include "base/error.h"

namespace perfbench {

Worker::Worker() : thread_([this] { work(); }) {}

Worker::~Worker() {
  wait();
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::start(std::function<void()> task) {
  {
    const std::scoped_lock lock(mutex_);
    check(!task_, "worker: a task is started before the last one is done");
    task_ = std::move(task);
  }
  changed_.notify_all();
}

void Worker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !task_; });
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || task_; });
    if (!task_) return;
    const std::function<void()>& task = task_;
    lock.unlock();
    task();
    lock.lock();
    task_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace perfbench
