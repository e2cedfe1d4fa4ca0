#include "cost/lora_share.h"

#include "job/linears.h"

namespace perfbench {

double lora_share(const ModelSpec& model, int rank) {
  double adapters = 0.0;
  for (const int kind : model.layers) {
    for (const LinearSpec& linear : linears(model, model.kinds[static_cast<std::size_t>(kind)])) {
      adapters += rank * static_cast<double>(linear.in.size + linear.out.size);
    }
  }
  return adapters / static_cast<double>(matmul_and_embedding_params(model));
}

}  // namespace perfbench
