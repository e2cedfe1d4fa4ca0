// An engine as another version of perfbench would have built it.
#include "engine/abi.h"

extern "C" {

perfbench::EngineAbiVersion perfbench_engine_version() noexcept { return {perfbench::kEngineAbi, "99.0.0"}; }

// Must not be asked: its answer would be of another layout.
const perfbench::EngineAbiInfo* perfbench_engine_info() noexcept { __builtin_trap(); }
}
