#include "base/error.h"
#include "engine/torch/lanes.h"

namespace perfbench {

std::unique_ptr<Lanes> make_stream_lanes(int) {
  throw EnvironmentError("engine", "is built without CUDA", "PERFBENCH_PRESET=cuda scripts/build.sh --engine");
}

}  // namespace perfbench
