#include "cost/gate_imbalance.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <variant>

namespace perfbench {

double greatest_of_normals(int n) {
  // Integral of x over the density n phi(x) Phi(x)^(n-1), by the trapezoidal rule, which converges fast on such bells.
  constexpr int kSteps = 640;  // on each side, up to 10
  constexpr double kStep = 1.0 / 64.0;
  double sum = 0.0;
  for (int i = -kSteps; i <= kSteps; ++i) {
    const double x = kStep * i;
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
    const double below = 0.5 * std::erfc(-x / std::numbers::sqrt2);
    sum += x * n * density * std::pow(below, n - 1);
  }
  return sum * kStep;
}

double fullest_rank(double imbalance, int experts, int top_k, int ep) {
  if (imbalance <= 0.0 || ep == 1) return 1.0;
  const double all = experts, local = all / ep;
  const double deviation = imbalance * std::sqrt((all - local) / (local * (all - 1.0)));
  return std::min({1.0 + deviation * greatest_of_normals(ep), static_cast<double>(ep), all / top_k});
}

double fullest_rank(const Job& job) {
  double fullest = 1.0;
  for (const LayerSpec& layer : job.model.kinds) {
    const auto* moe = std::get_if<Moe>(&layer.mlp);
    if (moe == nullptr) continue;
    fullest = std::max(fullest, fullest_rank(job.gate_imbalance, moe->experts, moe->top_k, job.layout.ep));
  }
  return fullest;
}

}  // namespace perfbench
