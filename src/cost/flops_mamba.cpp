#include "cost/flops_terms.h"

namespace perfbench {

double mamba_projection_flops(const ModelSpec& model, const MambaShape& shape) {
  const double h = static_cast<double>(model.hidden);
  const double inner = static_cast<double>(shape.heads * shape.head_dim);
  const double gate_and_x = 2.0 * inner;
  const double b_and_c = 2.0 * static_cast<double>(shape.groups * shape.state);
  const double dt = shape.heads;
  const double in = h * (gate_and_x + b_and_c + dt);
  const double out = inner * h;
  return kFlopsPerWeight * (in + out);
}

// One multiply and add per inner channel and state; the convolution and later steps of the scan are not counted.
double mamba_scan_flops(const MambaShape& shape) {
  const double inner = static_cast<double>(shape.heads * shape.head_dim);
  return kFlopsPerWeight * inner * static_cast<double>(shape.state);
}

}  // namespace perfbench
