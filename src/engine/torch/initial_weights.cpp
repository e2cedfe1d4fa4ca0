#include "engine/torch/initial_weights.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <algorithm>

namespace perfbench {
namespace {

constexpr std::int64_t kElementsAtOnce = std::int64_t{1} << 26;  // 2 GiB of scratch memory on a device

// z ^ (z >> bits) as of an unsigned number: ATen's shift copies the sign.
void fold(at::Tensor& z, int bits) {
  const auto kept = static_cast<std::int64_t>(~std::uint64_t{0} >> static_cast<unsigned>(bits));
  z.bitwise_xor_(z.bitwise_right_shift(at::Scalar(bits)).bitwise_and_(at::Scalar(kept)));
}

at::Scalar signed_bits(std::uint64_t bits) { return {static_cast<std::int64_t>(bits)}; }

// random_at() of base/random.h for `count` places from `first`; products wrap as unsigned ones do.
at::Tensor random_bits(std::uint64_t stream, std::int64_t first, std::int64_t count, at::Device device) {
  at::Tensor z = at::arange(first + 1, first + 1 + count, at::TensorOptions().dtype(at::kLong).device(device));
  z.mul_(signed_bits(0x9E3779B97F4A7C15U)).add_(signed_bits(stream));
  fold(z, 30);
  z.mul_(signed_bits(0xBF58476D1CE4E5B9U));
  fold(z, 27);
  z.mul_(signed_bits(0x94D049BB133111EBU));
  fold(z, 31);
  return z;
}

}  // namespace

at::Tensor follow(const InitialLaw& law, std::int64_t elements, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  if (law.width == 0.0) return at::full({elements}, law.value, options);
  at::Tensor values = at::empty({elements}, options);
  for (std::int64_t first = 0; first < elements; first += kElementsAtOnce) {
    const std::int64_t count = std::min(kElementsAtOnce, elements - first);
    at::Tensor bits = random_bits(law.stream, first, count, device).bitwise_right_shift(at::Scalar(11));
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
