#include "models/missing.h"

namespace perfbench {

std::optional<Missing> missing(const Mamba2&, const Job& job) {
  return Missing{"model family", "the layer pattern of " + job.model.family};
}

}  // namespace perfbench
