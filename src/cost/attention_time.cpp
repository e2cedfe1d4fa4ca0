#include "cost/attention_time.h"

#include <cmath>

#include "base/dtype.h"

namespace perfbench {
namespace {

constexpr double kBlockQueries = 128.0;  // the tile of the fitted formula

double mean_keys(const AttentionShape& shape) {
  const double keys = shape.key_seq > 0.0 ? shape.key_seq : shape.seq;
  return shape.causal ? keys / 2.0 : keys;
}

// Packed sub-sequences are much shorter than the pack: most of a tile's work is masked away.
double work_share(const AttentionConstants& c, const AttentionShape& shape) {
  return shape.attended > 0.0 ? c.packed_work : 1.0;
}

double value_dim(const AttentionShape& shape) { return shape.value_dim > 0.0 ? shape.value_dim : shape.head_dim; }

bool is_empty(const AttentionShape& shape) {
  return !(shape.batch > 0.0 && shape.seq > 0.0 && shape.heads > 0.0 && shape.head_dim > 0.0);
}

double peak_share(const AttentionConstants& c, double head_dim) {
  const double doublings = std::log2(head_dim / 64.0);
  if (doublings <= 0.0) return c.peak_share_64;
  if (doublings <= 1.0) return std::lerp(c.peak_share_64, c.peak_share_128, doublings);
  if (doublings <= 2.0) return std::lerp(c.peak_share_128, c.peak_share_256, doublings - 1.0);
  return c.peak_share_256;
}

double forward_flops_per_s(const AttentionConstants& c, const Hardware& hardware, const AttentionShape& shape) {
  const double keys = mean_keys(shape);
  const double blocks = shape.batch * shape.heads * shape.seq / kBlockQueries;
  const double share = peak_share(c, shape.head_dim) * keys / (keys + c.half_keys) * blocks / (blocks + c.half_blocks);
  return known(hardware, &Hardware::bf16_flops_per_s) * share;
}

}  // namespace

double attention_forward_flops(const AttentionShape& shape) {
  const double attended = shape.causal ? shape.attended / 2.0 : shape.attended;
  const double keys = shape.attended > 0.0 ? attended : mean_keys(shape);
  return 2.0 * shape.batch * shape.heads * shape.seq * keys * (shape.head_dim + value_dim(shape));
}

double attention_forward_time_s(const KernelConstants& constants, const Hardware& hardware,
                                const AttentionShape& shape) {
  if (is_empty(shape)) return 0.0;
  const AttentionConstants& c = constants.attention;
  const double work = work_share(c, shape) * attention_forward_flops(shape);
  return c.launch_s + work / forward_flops_per_s(c, hardware, shape);
}

double attention_backward_time_s(const KernelConstants& constants, const Hardware& hardware,
                                 const AttentionShape& shape) {
  if (is_empty(shape)) return 0.0;
  const AttentionConstants& c = constants.attention;
  const double rate = c.backward_rate * forward_flops_per_s(c, hardware, shape);
  const double work = work_share(c, shape) * attention_forward_flops(shape);
  return c.launch_s + c.backward_flops * work / rate;
}

double attention_prepare_time_s(const KernelConstants& constants, const Hardware& hardware,
                                const AttentionShape& shape) {
  if (is_empty(shape)) return 0.0;
  const double tokens = shape.batch * shape.seq;
  const double elements = tokens * (shape.heads + shape.kv_heads) * (shape.head_dim + value_dim(shape));
  return constants.attention.prepare_passes * elements * size_bytes(DType::bf16) /
         known(hardware, &Hardware::memory_bytes_per_s);
}

}  // namespace perfbench
