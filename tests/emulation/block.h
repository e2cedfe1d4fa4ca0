// One block of a CUDA kernel on a CPU thread: its threads are fibers, run one after the other, which change where they
// wait for each other. The order is fixed, and can be turned round: what depends on it is a race. Faults throw
// std::logic_error out of the launch: a thread that waits for others that ended or wait elsewhere; shared memory
// outside its array, read before it was written, or touched by two threads without a barrier between them.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

namespace perfbench::emulation {

struct Index {
  unsigned x = 0;
};

enum class Order : std::uint8_t { ascending, descending };

// Of the launches of this CPU thread from now on.
void set_order(Order order);
// Kernels that this CPU thread has launched so far.
std::int64_t launches();

// Runs `body` for each thread of each block. Returns 0, or CUDA's error for a grid that it refuses.
int run_grid(std::int64_t blocks, int threads, const std::function<void()>& body);

// What a kernel sees; valid inside `body`.
struct Place {
  Index thread, block, threads, blocks;
};
inline constinit thread_local Place own_place{};
inline const Place& place() { return own_place; }

void wait_for_block(const std::source_location& where);

// `bits` of lane `lane ^ distance`; all lanes of the warp take part.
std::uint32_t exchange(std::uint32_t bits, int distance, const std::source_location& where);

[[noreturn]] void fail(const std::string& fault);

// Barriers so far, over all blocks: shared memory of other blocks is older than first_epoch().
std::int64_t epoch();
std::int64_t first_epoch();

// Who touched an element of shared memory last.
class SharedHistory {
 public:
  void read();   // fails where another thread wrote it since the last barrier, or nobody in this block
  void write();  // fails where another thread touched it since the last barrier

 private:
  static constexpr int kSeveral = -1;
  std::int64_t written_ = -1, read_ = -1;  // epochs
  int writer_ = 0, reader_ = 0;
};

}  // namespace perfbench::emulation
