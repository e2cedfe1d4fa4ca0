#include "base/error.h"
#include "engine/torch/parts.h"
#include "engine/torch/runtime.h"

namespace perfbench {

std::unique_ptr<Runtime> make_cuda_runtime(int) {
  const EngineAbiPart part = cuda_part();
  throw EnvironmentError("CUDA", part.missing, part.remedy);
}

}  // namespace perfbench
