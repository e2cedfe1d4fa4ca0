// Times stretches of work without waiting for them: on CUDA between events on the current stream.
#pragma once

#include <memory>
#include <vector>

namespace perfbench {

class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  // Around what is timed. Stretches do not overlap.
  virtual void start() = 0;
  virtual void stop() = 0;
  // Of each stretch since the last call, in order. Waits for the last one.
  virtual std::vector<double> take_seconds() = 0;
};

}  // namespace perfbench
