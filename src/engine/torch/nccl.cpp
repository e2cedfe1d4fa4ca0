// The NCCL that is loaded at run time, which may be newer than the one of the headers.
#include <nccl.h>

#include <string>

#include "engine/torch/parts.h"

namespace perfbench {

EngineAbiPart nccl_part() {
  static std::string text;
  int version = 0;  // 22809 is 2.28.9
  if (const ncclResult_t result = ncclGetVersion(&version); result != ncclSuccess) {
    text = std::string("NCCL does not answer: ") + ncclGetErrorString(result);
    return {nullptr, text.c_str(), nullptr};
  }
  text =
      std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
  return {text.c_str(), nullptr, nullptr};
}

}  // namespace perfbench
