#include "engine/comm/abort_signal.h"

#include <stdexcept>
#include <utility>

#include "base/error.h"

namespace perfbench {

void AbortSignal::set(const std::string& reason, AbortCause cause) {
  const std::lock_guard lock(mutex_);
  if (raised()) return;
  reason_ = reason;
  cause_ = cause;
  raised_.store(true, std::memory_order_release);
}

void AbortSignal::wake() {
  std::vector<std::function<void()>> all;
  {
    const std::lock_guard lock(mutex_);
    all = on_wake_;
  }
  for (const std::function<void()>& on_wake : all) on_wake();
}

void AbortSignal::throw_if_raised() const {
  if (!raised()) return;
  const std::lock_guard lock(mutex_);
  if (cause_ == AbortCause::timeout) throw TimeoutError("", reason_);
  throw RunError("", reason_);
}

void AbortSignal::subscribe(std::function<void()> on_wake) {
  const std::lock_guard lock(mutex_);
  on_wake_.push_back(std::move(on_wake));
}

void AbortSignal::fail(std::unique_lock<std::mutex>& lock, const std::string& reason, AbortCause cause) {
  set(reason, cause);
  lock.unlock();
  wake();
  throw_if_raised();
  throw std::logic_error("abort signal: not raised");
}

}  // namespace perfbench
