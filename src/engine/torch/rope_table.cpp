#include "engine/torch/rope_table.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sin.h>

#include <numbers>

namespace perfbench {
namespace {

// Angles of position p and pair i: p theta^(-2 i / D) (Su et al. 2021, "RoFormer", section 3.2).
// Waves longer than the original context over low_freq_factor turn slower by the factor, those shorter than that over
// high_freq_factor as they are; between them a share of each.
at::Tensor scaled(const at::Tensor& frequency, const RopeScaling& scaling) {
  if (scaling.factor == 1.0) return frequency;
  const at::Tensor waves = frequency * (static_cast<double>(scaling.original_positions) / (2.0 * std::numbers::pi));
  const at::Tensor share =
      ((waves - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)).clamp(0.0, 1.0);
  return (1.0 - share) * frequency / scaling.factor + share * frequency;
}

}  // namespace

const RopeTable& rope_table(Rank& rank, const Rope& op) {
  for (const RopeTable& table : rank.rope) {
    if (table.rotary_dim == op.rotary_dim && table.theta == op.theta && table.scaling == op.scaling) return table;
  }
  const auto options = at::TensorOptions().dtype(at::kFloat).device(rank.device);
  const at::Tensor exponent = at::arange(0, op.rotary_dim, 2, options).div_(static_cast<double>(op.rotary_dim));
  const at::Tensor frequency = scaled(at::pow(op.theta, exponent).reciprocal_(), op.scaling);  // (rotary_dim / 2)
  const at::Tensor angle = at::outer(at::arange(rank.num_positions, options), frequency);
  rank.rope.push_back({.rotary_dim = op.rotary_dim,
                       .theta = op.theta,
                       .scaling = op.scaling,
                       .cos = at::cos(angle),
                       .sin = at::sin(angle)});
  return rank.rope.back();
}

}  // namespace perfbench
