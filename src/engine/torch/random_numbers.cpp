#include "engine/torch/random_numbers.h"

#include <ATen/ops/add.h>

#include <cstdint>

namespace perfbench {
namespace {

// z ^ (z >> bits) as of an unsigned number: ATen's shift copies the sign.
void fold(at::Tensor& z, int bits) {
  const auto kept = static_cast<std::int64_t>(~std::uint64_t{0} >> static_cast<unsigned>(bits));
  z.bitwise_xor_(z.bitwise_right_shift(at::Scalar(bits)).bitwise_and_(at::Scalar(kept)));
}

at::Scalar signed_bits(std::uint64_t bits) { return {static_cast<std::int64_t>(bits)}; }

}  // namespace

// Products wrap as unsigned ones do.
at::Tensor random_at(const at::Tensor& stream, const at::Tensor& place) {
  at::Tensor z = at::add(place, 1).mul_(signed_bits(0x9E3779B97F4A7C15U)).add(stream);
  fold(z, 30);
  z.mul_(signed_bits(0xBF58476D1CE4E5B9U));
  fold(z, 27);
  z.mul_(signed_bits(0x94D049BB133111EBU));
  fold(z, 31);
  return z;
}

}  // namespace perfbench
