#include "engine/kernels/expert_row.cuh"

namespace perfbench {
namespace {

constexpr int kThreads = kTokensOfBlock * kWarp;

// Ordered as the numbers are, and never 0, whatever they are.
__device__ inline unsigned order_of(float x) {
  const unsigned bits = __float_as_uint(x + 0.0F);  // -0 is 0
  const unsigned key = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return key == 0 ? 1 : key;
}

struct Best {
  unsigned key = 0;
  unsigned expert = 0xffffffffU;
};

// A warp a token.
template <class T, int kHeld>
__global__ void __launch_bounds__(kThreads) route_kernel(RouteCall call) {
  const std::int64_t token = token_of_warp();
  if (token >= call.tokens) return;
  const ExpertRow<T, kHeld> logits(call, token);
  const int lane = lane_id();
  unsigned taken = 0;
  Best own;  // the choice that belongs to this lane
  float own_logit = 0.0F, highest = 0.0F;
  for (int choice = 0; choice < call.top_k; ++choice) {
    Best best;
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int expert = h * kWarp + lane;
      const unsigned key = order_of(logits.at[h]);
      if (expert < call.experts && (taken >> h & 1U) == 0 && key > best.key)
        best = {key, static_cast<unsigned>(expert)};
    }
    const unsigned key = reduce_warp(best.key, Max{});
    const unsigned expert = reduce_warp(best.key == key ? best.expert : 0xffffffffU, Min{});
    float logit = 0.0F;
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      if (static_cast<unsigned>(h * kWarp + lane) != expert) continue;
      taken |= 1U << h;
      logit = logits.at[h];
    }
    logit = reduce_warp(logit, Sum{});  // of the one lane that holds it
    if (choice == 0) highest = logit;
    if (choice == lane) {
      own = {key, expert};
      own_logit = logit;
    }
  }

  const float weight = lane < call.top_k ? expf(own_logit - highest) : 0.0F;
  float total = weight;
  if (!call.normalised) {
    total = 0.0F;
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      if (h * kWarp + lane < call.experts) total += expf(logits.at[h] - highest);
    }
  }
  total = reduce_warp(total, Sum{});
  if (lane >= call.top_k) return;
  call.choices[token * call.top_k + lane] = own.expert;
  call.weights[token * call.top_k + lane] = weight / total;
}

// With p the softmax over all experts, or over those chosen, and dw what each expert's weight gets:
// dlogits = p (dw - sum of p dw), and 0 for what has no part in the softmax.
template <class T, int kHeld>
__global__ void __launch_bounds__(kThreads) route_backward_kernel(RouteBackwardCall call) {
  const std::int64_t token = token_of_warp();
  if (token >= call.tokens) return;
  const ExpertRow<T, kHeld> logits(call, token);
  const int lane = lane_id();
  float dw[kHeld] = {};
  unsigned counts = 0;  // in the softmax
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    if (!call.normalised && h * kWarp + lane < call.experts) counts |= 1U << h;
  }
  for (int choice = 0; choice < call.top_k; ++choice) {
    const std::int64_t expert = call.choices[token * call.top_k + choice];
    const float dweight = call.dweights[token * call.top_k + choice];
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      if (h * kWarp + lane != expert) continue;
      counts |= 1U << h;
      dw[h] += dweight;
    }
  }

  float highest = -INFINITY;
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    if ((counts >> h & 1U) != 0) highest = Max{}(highest, logits.at[h]);
  }
  highest = reduce_warp(highest, Max{});
  float p[kHeld], total = 0.0F, dot = 0.0F;
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    p[h] = (counts >> h & 1U) != 0 ? expf(logits.at[h] - highest) : 0.0F;
    total += p[h];
    dot += p[h] * dw[h];
  }
  total = reduce_warp(total, Sum{});
  dot = reduce_warp(dot, Sum{}) / total;
  T* dlogits = static_cast<T*>(call.dlogits) + token * call.experts;
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int expert = h * kWarp + lane;
    if (expert < call.experts) dlogits[expert] = from_float<T>(p[h] / total * (dw[h] - dot));
  }
}

}  // namespace

extern "C" int perfbench_route(const RouteCall* call, void* stream) {
  if (!has_route_kernel(call->experts, call->top_k)) return invalid_value();
  return with_expert_row(call->dtype, call->experts, [&](auto access, auto held) {
    using T = typename decltype(access)::Type;
    return launch(grid_of_tokens(call->tokens, stream), route_kernel<T, decltype(held)::kCount>, *call);
  });
}

extern "C" int perfbench_route_backward(const RouteBackwardCall* call, void* stream) {
  if (!has_route_kernel(call->experts, call->top_k)) return invalid_value();
  return with_expert_row(call->dtype, call->experts, [&](auto access, auto held) {
    using T = typename decltype(access)::Type;
    return launch(grid_of_tokens(call->tokens, stream), route_backward_kernel<T, decltype(held)::kCount>, *call);
  });
}

}  // namespace perfbench
