#include "cost/flops_terms.h"

namespace perfbench {

// One multiply and add per inner channel and state; the convolution and later steps of the scan are not counted.
double mamba_scan_flops(const Mamba2& mamba) {
  const double inner = static_cast<double>(mamba.heads * mamba.head_dim);
  return kFlopsPerWeight * inner * static_cast<double>(mamba.state);
}

}  // namespace perfbench
