// The engine without NCCL.
#include "engine/torch/parts.h"

namespace perfbench {

EngineAbiPart nccl_part() {
  return {nullptr, "this engine was built without NCCL (it needs the preset cuda, nccl.h and libnccl)",
          "PERFBENCH_PRESET=cuda scripts/build.sh --engine"};
}

}  // namespace perfbench
