// The one flag that stops all ranks of a world of threads, with its reason.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace perfbench {

enum class AbortCause : std::uint8_t { failure, timeout };

class AbortSignal {
 public:
  // Raises the flag without waking anybody: may be called with the lock of a group held, so that nobody passes it
  // afterwards. The first reason stays.
  void set(const std::string& reason, AbortCause cause = AbortCause::failure);
  // Wakes all who block. Not to be called with the lock of a group held.
  void wake();
  bool raised() const noexcept { return raised_.load(std::memory_order_acquire); }
  // Throws RunError with the reason when the flag is raised: TimeoutError where a timeout has raised it.
  void throw_if_raised() const;
  // `on_wake` is called by every wake() and must be safe for as long as this object lives.
  void subscribe(std::function<void()> on_wake);

  // Raises, unlocks, wakes and throws.
  [[noreturn]] void fail(std::unique_lock<std::mutex>& lock, const std::string& reason,
                         AbortCause cause = AbortCause::failure);

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> raised_{false};
  std::string reason_;
  AbortCause cause_ = AbortCause::failure;
  std::vector<std::function<void()>> on_wake_;
};

}  // namespace perfbench
