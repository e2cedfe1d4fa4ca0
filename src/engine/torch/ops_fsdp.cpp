#include "base/error.h"
#include "engine/torch/ops.h"

namespace perfbench {

void run(const GatherShards&, Frame&) { throw Unsupported(std::string(GatherShards::kName), "not built yet"); }
void run(const ScatterGrads&, Frame&) { throw Unsupported(std::string(ScatterGrads::kName), "not built yet"); }

}  // namespace perfbench
