// The logits of one token, dealt out to the lanes of one warp: lane l holds those of experts l, l + 32, ...
#pragma once

#include "engine/kernels/drawn_logit.cuh"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.cuh"
#include "engine/kernels/reduce.cuh"

namespace perfbench {

inline constexpr int kTokensOfBlock = 4;  // a warp each

__device__ inline int lane_id() { return static_cast<int>(threadIdx.x) % kWarp; }
// May be one that is not there: of a whole warp.
__device__ inline std::int64_t token_of_warp() {
  return static_cast<std::int64_t>(blockIdx.x) * kTokensOfBlock + static_cast<int>(threadIdx.x) / kWarp;
}

template <class T, int kHeld>
struct ExpertRow {
  float at[kHeld];

  // `call` has logits, or numbers and salt. What lies beyond the last expert is 0.
  template <class Call>
  __device__ ExpertRow(const Call& call, std::int64_t token) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int expert = h * kWarp + lane_id();
      at[h] = 0.0F;
      if (expert >= call.experts) continue;
      at[h] = call.numbers != nullptr ? drawn_logit(call.salt, call.numbers[token], call.experts, expert)
                                      : to_float(static_cast<const T*>(call.logits)[token * call.experts + expert]);
    }
  }
};

inline Grid grid_of_tokens(std::int64_t tokens, void* stream) {
  return {(tokens + kTokensOfBlock - 1) / kTokensOfBlock, kTokensOfBlock * kWarp, stream};
}

template <int N>
struct Held {
  static constexpr int kCount = N;
};

// choose(Access<T, 1>{}, Held<N>{}) for the data type and the logits that a lane holds.
template <class Choose>
int with_expert_row(DType dtype, int experts, const Choose& choose) {
  return with_access(dtype, false, [&](auto access) {
    if (experts <= 2 * kWarp) return choose(access, Held<2>{});
    if (experts <= 4 * kWarp) return choose(access, Held<4>{});
    if (experts <= 8 * kWarp) return choose(access, Held<8>{});
    return choose(access, Held<kMostExperts / kWarp>{});
  });
}

}  // namespace perfbench
