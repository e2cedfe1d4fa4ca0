// Activations and their derivatives in float32.
#pragma once

#include <cmath>
#include <type_traits>

#include "engine/kernels/device.cuh"

namespace perfbench {

// 1 / (1 + exp(-x)). For results in bf16 by the chip's own exponential and division, exact to some 2^-21 each; for
// float32 by the library's.
template <class T>
__device__ inline float sigmoid(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return 1.0F / (1.0F + expf(-x));
  } else {
    return __fdividef(1.0F, 1.0F + __expf(-x));
  }
}

template <class T>
__device__ inline float silu(float x) {
  return x * sigmoid<T>(x);
}
template <class T>
__device__ inline float silu_slope(float x) {
  const float share = sigmoid<T>(x);
  return share * (1.0F + x * (1.0F - share));
}

// x times the normal distribution's share below x.
__device__ inline float normal_share(float x) { return 0.5F * (1.0F + erff(x * 0.70710678118654752F)); }
__device__ inline float gelu(float x) { return x * normal_share(x); }
__device__ inline float gelu_slope(float x) {
  return normal_share(x) + x * 0.39894228040143268F * expf(-0.5F * x * x);  // the density: 1 / sqrt(2 pi) exp(-x^2 / 2)
}

// The same by tanh(sqrt(2 / pi) (x + 0.044715 x^3)) (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units").
inline constexpr float kGeluSlope = 0.79788456080286536F, kGeluCube = 0.044715F;
__device__ inline float gelu_tanh(float x) {
  return 0.5F * x * (1.0F + tanhf(kGeluSlope * (x + kGeluCube * x * x * x)));
}
__device__ inline float gelu_tanh_slope(float x) {
  const float t = tanhf(kGeluSlope * (x + kGeluCube * x * x * x));
  return 0.5F * (1.0F + t) + 0.5F * x * (1.0F - t * t) * kGeluSlope * (1.0F + 3.0F * kGeluCube * x * x);
}

}  // namespace perfbench
