#include "base/error.h"
#include "engine/torch/ops.h"

namespace perfbench {

void run(const AdapterUp&, Frame&) { throw Unsupported(std::string(AdapterUp::kName), "not built yet"); }
void run(const AdapterUpBackward&, Frame&) {
  throw Unsupported(std::string(AdapterUpBackward::kName), "not built yet");
}
void run(const AdapterWeightGrad&, Frame&) {
  throw Unsupported(std::string(AdapterWeightGrad::kName), "not built yet");
}

}  // namespace perfbench
