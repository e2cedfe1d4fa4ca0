#include "base/error.h"
#include "engine/torch/ops.h"

namespace perfbench {

void run(const LayerNorm&, Frame&) { throw Unsupported(std::string(LayerNorm::kName), "not built yet"); }
void run(const LayerNormBackward&, Frame&) {
  throw Unsupported(std::string(LayerNormBackward::kName), "not built yet");
}
void run(const QkNorm&, Frame&) { throw Unsupported(std::string(QkNorm::kName), "not built yet"); }
void run(const QkNormBackward&, Frame&) { throw Unsupported(std::string(QkNormBackward::kName), "not built yet"); }
void run(const Activate&, Frame&) { throw Unsupported(std::string(Activate::kName), "not built yet"); }
void run(const ActivateBackward&, Frame&) { throw Unsupported(std::string(ActivateBackward::kName), "not built yet"); }

}  // namespace perfbench
