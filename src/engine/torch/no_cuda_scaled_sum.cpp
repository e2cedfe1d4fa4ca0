#include "engine/torch/scaled_sum.h"

namespace perfbench {

bool add_scaled_product(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  return false;
}

}  // namespace perfbench
