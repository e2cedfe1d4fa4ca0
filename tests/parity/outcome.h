// What two training steps leave, and how far two such outcomes are apart over what FP32 allows.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "parity/tiny_llama.h"

namespace perfbench {

inline double norm(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

inline std::vector<float> difference(const HostTensor& a, const HostTensor& b) {
  std::vector<float> result = values_of(a);
  const std::vector<float> other = values_of(b);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] -= other[i];
  return result;
}

inline double norm_of_all(const std::vector<HostTensor>& tensors) {
  double sum = 0.0;
  for (const HostTensor& tensor : tensors) sum += std::pow(norm(values_of(tensor)), 2);
  return std::sqrt(sum);
}

// What two training steps leave.
struct Outcome {
  std::vector<double> losses, grad_norms;
  std::vector<std::vector<HostTensor>> gradients;  // by step
  std::vector<HostTensor> weights;
};

inline constexpr int kSteps = 2;

inline Outcome two_steps(const Job& job, const Plan& plan, double timeout_s = 60, Device device = Device::cpu) {
  const auto session = open_tiny(plan, {.device = device, .timeout_s = timeout_s, .rendezvous = true});
  Outcome outcome;
  for (int step = 0; step < kSteps; ++step) {
    const StepReport report = session->step(mock_batch(job, 7, step), StepKind::train);
    outcome.losses.push_back(report.loss);
    outcome.grad_norms.push_back(report.grad_norm);
    outcome.gradients.push_back(session->gradients());
  }
  outcome.weights = session->weights();
  return outcome;
}

// The same model and batch on one rank.
inline Outcome one_rank(const TinyLlama& tiny) {
  TinyLlama alone{.name = "one_rank", .tied = tiny.tied, .biases = tiny.biases, .packed = tiny.packed};
  alone.layers = tiny.layers;
  alone.heads = tiny.heads;
  alone.experts = tiny.experts;
  alone.top_k = tiny.top_k;
  alone.gate = tiny.gate;
  const Job job = tiny_llama(alone);
  return two_steps(job, build_plan(job));
}

// A gradient that is nothing but rounding, as that of a key's bias without rotary positions: AdamW divides by its size
// and makes a whole step of it, this way or that. An exact zero is none: weight decay alone moves its element.
inline bool is_rounding(float gradient, double all) { return gradient != 0.0F && std::abs(gradient) < 1e-7 * all; }

// Of the elements whose gradients on both sides were no rounding in any step.
inline double weight_distance(const Outcome& a, const Outcome& b, std::size_t parameter) {
  std::vector<float> distance = difference(a.weights[parameter], b.weights[parameter]);
  for (std::size_t step = 0; step < kSteps; ++step) {
    const double all = norm_of_all(b.gradients[step]);
    const std::vector<float> ours = values_of(a.gradients[step][parameter]);
    const std::vector<float> theirs = values_of(b.gradients[step][parameter]);
    for (std::size_t i = 0; i < distance.size(); ++i) {
      if (is_rounding(ours[i], all) || is_rounding(theirs[i], all)) distance[i] = 0.0F;
    }
  }
  return norm(distance);
}

// FP32: |d| <= 1e-4 |g| + 1e-7 |all gradients| for each parameter. Weights: AdamW divides by the gradient's size, so
// that the rounding of elements near 0 shows; the change of two steps is about 2e-3 for each element.
struct Gaps {
  double gradient = 0.0, weight = 0.0, grad_norm = 0.0, loss = 0.0;  // over what is allowed
};

// The worst gap over what is allowed; NaN counts as infinite.
inline double worst(double a, double b) { return b <= a ? a : (std::isnan(b) ? INFINITY : b); }

inline Gaps compare(const Outcome& outcome, const Outcome& right) {
  Gaps gaps;
  for (std::size_t step = 0; step < kSteps; ++step) {
    const double all = norm_of_all(right.gradients[step]);
    for (std::size_t p = 0; p < right.gradients[step].size(); ++p) {
      const HostTensor &a = outcome.gradients[step][p], &b = right.gradients[step][p];
      const double allowed = 1e-4 * norm(values_of(b)) + 1e-7 * all;
      gaps.gradient = worst(gaps.gradient, norm(difference(a, b)) / allowed);
    }
    gaps.grad_norm = worst(
        gaps.grad_norm, std::abs(outcome.grad_norms[step] - right.grad_norms[step]) / (1e-4 * right.grad_norms[step]));
    gaps.loss = worst(gaps.loss, std::abs(outcome.losses[step] - right.losses[step]) / (1e-5 * right.losses[step]));
  }
  for (std::size_t p = 0; p < right.weights.size(); ++p) {
    const HostTensor& b = right.weights[p];
    const auto elements = static_cast<double>(b.data.size() / sizeof(float));
    gaps.weight = worst(gaps.weight, weight_distance(outcome, right, p) / (1e-4 * std::sqrt(elements)));
  }
  return gaps;
}

inline void expect_allowed(const Gaps& gaps) {
  EXPECT_LT(gaps.gradient, 1.0);
  EXPECT_LT(gaps.weight, 1.0);
  EXPECT_LT(gaps.grad_norm, 1.0);
  EXPECT_LT(gaps.loss, 1.0);
}

}  // namespace perfbench
