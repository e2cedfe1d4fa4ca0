#include "engine/torch/initial_weights.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <algorithm>

#include "engine/torch/random_numbers.h"

namespace perfbench {
namespace {

constexpr std::int64_t kElementsAtOnce = std::int64_t{1} << 26;  // 2 GiB of scratch memory on a device

}  // namespace

at::Tensor follow(const InitialLaw& law, std::int64_t elements, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  if (law.width == 0.0) return at::full({elements}, law.value, options);
  at::Tensor values = at::empty({elements}, options);
  const at::Tensor stream = at::full({1}, at::Scalar(static_cast<std::int64_t>(law.stream)), options.dtype(at::kLong));
  for (std::int64_t first = 0; first < elements; first += kElementsAtOnce) {
    const std::int64_t count = std::min(kElementsAtOnce, elements - first);
    const at::Tensor places = at::arange(first, first + count, options.dtype(at::kLong));
    at::Tensor bits = random_at(stream, places).bitwise_right_shift_(at::Scalar(11));
    bits.bitwise_and_(at::Scalar((std::int64_t{1} << 53) - 1));
    values.narrow(0, first, count).copy_(bits.to(at::kDouble).mul_(0x1p-53).sub_(0.5).mul_(law.width).add_(law.value));
  }
  return values;
}

at::Tensor initial_weights_on(at::Device device, const std::string& name, const std::vector<std::int64_t>& shape,
                              std::uint64_t seed) {
  if (device.is_cpu()) {
    std::vector<float> values = initial_weights(name, shape, seed);
    return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kFloat)).clone();
  }
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return follow(initial_law(name, shape, seed), elements, device).view(shape);
}

}  // namespace perfbench
