#include "engine/torch/packed.h"

#include <algorithm>
#include <vector>

namespace perfbench {

PackedSequences packed_sequences(const at::Tensor& host_starts, std::int64_t mbs, Runtime& runtime) {
  PackedSequences packed{.host_starts = host_starts};
  if (mbs != 1) return packed;
  const auto* starts = host_starts.data_ptr<std::int64_t>();
  std::vector<std::int32_t> bounds;
  for (std::int64_t row = 0; row < host_starts.numel(); ++row) {
    if (row == 0 || starts[row] != starts[row - 1]) bounds.push_back(static_cast<std::int32_t>(row));
  }
  bounds.push_back(static_cast<std::int32_t>(host_starts.numel()));
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    packed.longest = std::max<std::int64_t>(packed.longest, bounds[i] - bounds[i - 1]);
  }
  const at::Tensor host = runtime.host_buffer(std::ssize(bounds), at::kInt);
  std::copy(bounds.begin(), bounds.end(), host.data_ptr<std::int32_t>());
  packed.bounds = host.to(runtime.device(), at::kInt, true);
  return packed;
}

}  // namespace perfbench
