#include "engine/worker.h"

#include <pthread.h>

#include <atomic>
#include <utility>

#include "base/error.h"

namespace perfbench {
namespace {

std::atomic<int> left_behind_count{0};

}  // namespace

Worker::Worker(const std::string& name)
    : thread_([shared = shared_, shown = name.substr(0, 15)] {
        pthread_setname_np(pthread_self(), shown.c_str());
        work(shared);
      }) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;  // left behind
  wait();
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->changed.notify_all();
  thread_.join();
}

void Worker::start(std::function<void()> task) {
  {
    const std::scoped_lock lock(shared_->mutex);
    check(!shared_->task && !shared_->left_behind, "worker: a task is started before the last one is done");
    shared_->task = std::move(task);
  }
  shared_->changed.notify_all();
}

void Worker::wait() {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [this] { return !shared_->task; });
}

bool Worker::wait_for(std::chrono::duration<double> time) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, time, [this] { return !shared_->task; });
}

void Worker::leave_behind() {
  const std::scoped_lock lock(shared_->mutex);
  if (shared_->left_behind) return;
  shared_->left_behind = shared_->stop = true;
  left_behind_count.fetch_add(1);
  shared_->changed.notify_all();
  thread_.detach();
}

void Worker::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->stop || shared->task; });
    if (!shared->task) break;
    const std::function<void()>& task = shared->task;
    lock.unlock();
    task();
    lock.lock();
    shared->task = nullptr;
    shared->changed.notify_all();
  }
  if (shared->left_behind) left_behind_count.fetch_sub(1);
}

int num_threads_left_behind() { return left_behind_count.load(); }

}  // namespace perfbench
