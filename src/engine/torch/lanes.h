// Where ops are issued: in order on the CPU, on a stream per lane on CUDA.
#pragma once

#include <memory>
#include <span>

#include "program/axis.h"
#include "program/operands.h"

namespace at {
class Tensor;
}

namespace perfbench {

class Lanes {
 public:
  virtual ~Lanes() = default;
  // Before an op runs: what is issued from now on goes to `lane`, behind the last writers of what the op touches.
  virtual void enter(Lane lane, std::span<const Operand> operands) = 0;
  // After it: the op's lane is the last writer of what it makes, and `touched` stay in memory until the lane is past
  // it.
  virtual void leave(std::span<const Operand> operands, std::span<const at::Tensor> touched) = 0;
  // Ops and transfers outside any lane come behind everything that was issued.
  virtual void join() = 0;
};

}  // namespace perfbench
