#include "engine/torch/torch_op_timer.h"

#include "base/error.h"

namespace perfbench {

std::unique_ptr<OpTimer> make_torch_op_timer(const OpTimerSettings&) {
  throw Unsupported("op timer", "not written yet");
}

}  // namespace perfbench
