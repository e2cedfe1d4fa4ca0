#include "models/missing.h"

namespace perfbench {

std::optional<Missing> missing(const Moe&, const Job& job) {
  return Missing{"moe", "a model with experts (" + job.model.name + ")"};
}

}  // namespace perfbench
