#include "cost/lora_share.h"

namespace perfbench {

double lora_share(const ModelSpec& model, int rank) {
  const double h = static_cast<double>(model.hidden);
  const double f = static_cast<double>(model.ffn);
  const double q = static_cast<double>(model.heads * model.head_dim);
  const double kv = static_cast<double>(model.kv_heads * model.head_dim);
  const double mlp_matrices = model.gated ? 3.0 : 2.0;
  // An adapter beside a linear layer of `in` x `out` has rank * (in + out) parameters.
  const double query_and_output = 2.0 * (h + q);
  const double key_and_value = 2.0 * (h + kv);
  const double mlp = mlp_matrices * (h + f);
  const double adapters = rank * model.num_layers() * (query_and_output + key_and_value + mlp);
  return adapters / static_cast<double>(matmul_and_embedding_params(model));
}

}  // namespace perfbench
