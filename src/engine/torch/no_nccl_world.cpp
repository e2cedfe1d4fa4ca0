// A world over NCCL in an engine without it.
#include "base/error.h"
#include "engine/torch/nccl_world.h"
#include "engine/torch/parts.h"

namespace perfbench {
namespace {

[[noreturn]] void refuse() {
  const EngineAbiPart part = nccl_part();
  throw EnvironmentError("NCCL", part.missing, part.remedy);
}

}  // namespace

std::unique_ptr<World> make_nccl_world(const NcclWorldOptions&) { refuse(); }
NcclId make_nccl_id() { refuse(); }

}  // namespace perfbench
