#include "emulation/block.h"

#include <ucontext.h>

#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

namespace perfbench::emulation {
namespace {

constexpr int kWarp = 32, kMostThreads = 1024;
constexpr int kInvalidConfiguration = 9;  // cudaErrorInvalidConfiguration
constexpr std::size_t kStackBytes = 64 * 1024;

enum class State : std::uint8_t { ready, at_barrier, at_exchange, ended };

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
  State state = State::ready;
  std::source_location where;
  std::array<std::uint32_t, 2> sent{};  // a lane is at most one exchange ahead of the others
  int exchanges = 0;
};

class Block {
 public:
  void run(const Place& first, Order order, const std::function<void()>& body) {
    own_place = first;
    body_ = &body;
    fault_ = nullptr;
    first_epoch_ = ++epoch_;
    const int threads = static_cast<int>(first.threads.x);
    while (fibers_.size() < static_cast<std::size_t>(threads)) fibers_.push_back(std::make_unique<Fiber>());
    for (int i = 0; i < threads; ++i) prepare(at(i));
    while (!has_ended()) {
      for (int i = 0; i < threads; ++i) resume(order == Order::ascending ? i : threads - 1 - i);
      if (!release_warps() && !release_barrier() && !has_ended()) throw std::logic_error(divergence());
    }
  }

  std::int64_t epoch() const { return epoch_; }
  std::int64_t first_epoch() const { return first_epoch_; }

  void wait(State state, const std::source_location& where) {
    Fiber& fiber = at(static_cast<int>(own_place.thread.x));
    fiber.state = state;
    fiber.where = where;
    swapcontext(&fiber.context, &scheduler_);
  }

  std::uint32_t exchange(std::uint32_t bits, int distance, const std::source_location& where) {
    const int thread = static_cast<int>(own_place.thread.x);
    const auto turn = static_cast<std::size_t>(at(thread).exchanges++ % 2);
    at(thread).sent[turn] = bits;
    wait(State::at_exchange, where);
    return at(thread ^ distance).sent[turn];
  }

  // What a fiber does: the body of one thread after the other, each when it is resumed.
  [[noreturn]] void work() {
    Fiber& fiber = at(static_cast<int>(own_place.thread.x));
    for (;;) {
      try {
        (*body_)();
      } catch (...) {
        fault_ = std::current_exception();
      }
      fiber.state = State::ended;
      swapcontext(&fiber.context, &scheduler_);
    }
  }

 private:
  Fiber& at(int thread) { return *fibers_[static_cast<std::size_t>(thread)]; }
  int threads() const { return static_cast<int>(own_place.threads.x); }

  void prepare(Fiber& fiber);

  void resume(int thread) {
    if (at(thread).state != State::ready) return;
    own_place.thread.x = static_cast<unsigned>(thread);
    swapcontext(&scheduler_, &at(thread).context);
    if (fault_) std::rethrow_exception(fault_);
  }

  bool all_are(State state, int first, int count) {
    const std::source_location& where = at(first).where;
    for (int i = first; i < first + count; ++i) {
      const Fiber& fiber = at(i);
      if (fiber.state != state || fiber.where.line() != where.line()) return false;
      if (std::strcmp(fiber.where.file_name(), where.file_name()) != 0) return false;
    }
    return true;
  }
  bool has_ended() {
    for (int i = 0; i < threads(); ++i) {
      if (at(i).state != State::ended) return false;
    }
    return true;
  }
  void release(int first, int count) {
    for (int i = first; i < first + count; ++i) at(i).state = State::ready;
  }

  bool release_warps() {
    bool released = false;
    for (int first = 0; first < threads(); first += kWarp) {
      if (!all_are(State::at_exchange, first, kWarp)) continue;
      release(first, kWarp);
      released = true;
    }
    return released;
  }
  bool release_barrier() {
    if (!all_are(State::at_barrier, 0, threads())) return false;
    ++epoch_;
    release(0, threads());
    return true;
  }

  std::string divergence() {
    int ended = 0;
    const Fiber* waiting = nullptr;
    for (int i = 0; i < threads(); ++i) {
      if (at(i).state == State::ended) {
        ++ended;
      } else {
        waiting = &at(i);
      }
    }
    return "block " + std::to_string(own_place.block.x) + ": a thread waits at " + waiting->where.file_name() + ":" +
           std::to_string(waiting->where.line()) + " for others that wait elsewhere or are among the " +
           std::to_string(ended) + " that have ended";
  }

  std::vector<std::unique_ptr<Fiber>> fibers_;
  ucontext_t scheduler_{};
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr fault_;
  std::int64_t epoch_ = 0, first_epoch_ = 0;
};

// Ranks are threads: each has a GPU of its own.
struct Device {
  Block block;
  Order order = Order::ascending;
  std::int64_t launches = 0;
};

Device& device() {
  static thread_local Device own;
  return own;
}

void enter_fiber() { device().block.work(); }

void Block::prepare(Fiber& fiber) {
  const bool waits_for_work = fiber.state == State::ended;
  fiber.state = State::ready;
  fiber.exchanges = 0;
  if (waits_for_work) return;  // else it is new, or was left behind by a fault
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = &scheduler_;
  makecontext(&fiber.context, enter_fiber, 0);
}

}  // namespace

void set_order(Order order) { device().order = order; }
std::int64_t launches() { return device().launches; }
std::int64_t epoch() { return device().block.epoch(); }
std::int64_t first_epoch() { return device().block.first_epoch(); }

int run_grid(std::int64_t blocks, int threads, const std::function<void()>& body) {
  if (blocks > INT32_MAX || threads < 1 || threads > kMostThreads) return kInvalidConfiguration;
  if (threads % kWarp != 0)
    throw std::logic_error("a block of " + std::to_string(threads) + " threads: no whole warps");
  Device& own = device();
  ++own.launches;
  for (std::int64_t block = 0; block < blocks; ++block) {
    Place first;
    first.block.x = static_cast<unsigned>(own.order == Order::ascending ? block : blocks - 1 - block);
    first.blocks.x = static_cast<unsigned>(blocks);
    first.threads.x = static_cast<unsigned>(threads);
    own.block.run(first, own.order, body);
  }
  return 0;
}

void wait_for_block(const std::source_location& where) { device().block.wait(State::at_barrier, where); }

std::uint32_t exchange(std::uint32_t bits, int distance, const std::source_location& where) {
  return device().block.exchange(bits, distance, where);
}

void fail(const std::string& fault) {
  throw std::logic_error("block " + std::to_string(place().block.x) + ", thread " + std::to_string(place().thread.x) +
                         ": " + fault);
}

void SharedHistory::read() {
  const int thread = static_cast<int>(place().thread.x);
  if (written_ < first_epoch()) fail("reads shared memory that nobody has written");
  if (written_ == epoch() && writer_ != thread) fail("reads shared memory that is being written by another thread");
  reader_ = read_ == epoch() && reader_ != thread ? kSeveral : thread;
  read_ = epoch();
}

void SharedHistory::write() {
  const int thread = static_cast<int>(place().thread.x);
  if (written_ == epoch() && writer_ != thread) fail("writes shared memory that another thread writes, too");
  if (read_ == epoch() && reader_ != thread) fail("writes shared memory that is being read by another thread");
  writer_ = thread;
  written_ = epoch();
}

}  // namespace perfbench::emulation
