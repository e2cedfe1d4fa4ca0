// Runs the ranks of a world as threads and collects what each threw.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "engine/comm/communicator.h"

namespace perfbench {

// What each rank's RunError said; empty where it came to its end. Any other exception aborts the world and shows as
// "unexpected: ...".
inline std::vector<std::string> run_ranks(World& world, const std::function<void(int rank)>& body) {
  std::vector<std::string> errors(static_cast<std::size_t>(world.num_ranks()));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world.num_ranks(); ++rank) {
    threads.emplace_back([&, rank] {
      std::string& error = errors[static_cast<std::size_t>(rank)];
      try {
        body(rank);
      } catch (const RunError& run_error) {
        error = run_error.what();
      } catch (const std::exception& other) {
        error = std::string("unexpected: ") + other.what();
        world.abort(error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

}  // namespace perfbench
