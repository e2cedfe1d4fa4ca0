// Own fused kernels. Each reads every input once and writes every output once (wider rows than a block can hold are
// read again, through the cache); the bytes stand beside each declaration, e being those of an element.
//
// Launchers are free of LibTorch: memory of the device, contiguous rows, a cudaStream_t as void*. They return a
// cudaError_t as int, 0 for none, and wait for nothing. Data are float32 or bf16 (`dtype`), sums are float32. Where
// rows are a multiple of 16 bytes and so aligned, an access is 16 bytes; else it is one element. An optional pointer
// that is null stands for an operand that is absent.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace perfbench {

enum class ActivationKernel : std::uint8_t { silu, gelu, gelu_tanh, relu2 };

// sum = x + residual; y = norm(sum) * weight. RMS: y = round(sum * rstd) * weight. Centered (LayerNorm):
// y = (sum - mean) * rstd * (weight + weight_offset) + bias. Bytes: 2 T H e, with a residual 4 T H e.
struct NormCall {
  DType dtype = DType::bf16;
  bool centered = false;
  std::int64_t rows = 0, width = 0;
  const void *x = nullptr, *residual = nullptr;   // (rows, width)
  const void *weight = nullptr, *bias = nullptr;  // (width); the bias of a centered norm only
  void *sum = nullptr, *y = nullptr;              // (rows, width); the sum where there is a residual
  float *mean = nullptr, *rstd = nullptr;         // (rows); the mean of a centered norm only
  float eps = 0.0F, weight_offset = 0.0F;
};

// With n the normed sum and g = dy (weight + weight_offset): dx = rstd (g - n mean(g n) [- mean(g)]) + dsum,
// dw = sum over rows of dy n, db = sum over rows of dy. Bytes: 3 T H e, with dsum 4 T H e, and for dw (and db) twice
// 4 H a row of partial sums.
struct NormBackwardCall {
  DType dtype = DType::bf16;
  bool centered = false;
  std::int64_t rows = 0, width = 0;
  const void *dy = nullptr, *dsum = nullptr, *sum = nullptr;  // (rows, width); dsum may be null
  const void* weight = nullptr;                               // (width)
  const float *mean = nullptr, *rstd = nullptr;               // (rows)
  void* dx = nullptr;                                         // (rows, width)
  void *dw = nullptr, *db = nullptr;                          // (width); null: not asked for
  float* partials = nullptr;      // scratch where dw or db is asked for: (1, or centered 2; partial_rows; width)
  std::int64_t partial_rows = 0;  // blocks that the rows are dealt out to; at least 1
  float weight_offset = 0.0F;
};

// RMS norm of each head of q and of k in the packed tensor (T, (n + 2k) D); v is copied. Bytes: 2 T (n + 2k) D e.
struct QkNormCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  const void *qkv = nullptr, *q_weight = nullptr, *k_weight = nullptr;
  void* out = nullptr;
  float* rstd = nullptr;  // (T, n + k)
  float eps = 0.0F;
};

inline constexpr int kMostQkNormDim = 256;  // of a head that the backward takes

// Its backward. Bytes: 3 T (n + 2k) D e.
struct QkNormBackwardCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  const void *dout = nullptr, *qkv = nullptr, *q_weight = nullptr, *k_weight = nullptr;
  const float* rstd = nullptr;
  void* dqkv = nullptr;
  void *dq_weight = nullptr, *dk_weight = nullptr;  // (D); both or none
  float* partials = nullptr;                        // scratch where they are asked for: (2, partial_rows, D)
  std::int64_t partial_rows = 0;
};

// y = silu(gate) up of x = gate | up, and where rows have weights, times the row's. Bytes: 3 T F e.
struct SwiGluCall {
  DType dtype = DType::bf16;
  std::int64_t rows = 0, width = 0;  // width F of y
  const void* x = nullptr;           // (rows, 2 F)
  const float* weights = nullptr;    // (rows), may be null
  void* y = nullptr;                 // (rows, F)
};

// dweights = of each row the sum of dy silu(gate) up. Bytes: 5 T F e.
struct SwiGluBackwardCall {
  DType dtype = DType::bf16;
  std::int64_t rows = 0, width = 0;
  const void *dy = nullptr, *x = nullptr;
  const float* weights = nullptr;  // (rows), may be null
  void* dx = nullptr;              // (rows, 2 F)
  float* dweights = nullptr;       // (rows); null: not asked for
};

// y = f(x), or with dy, dx = f'(x) dy. Bytes: 2, and 3, elements e.
struct ActivateCall {
  DType dtype = DType::bf16;
  ActivationKernel activation = ActivationKernel::gelu;
  std::int64_t elements = 0;
  const void *dy = nullptr, *x = nullptr;  // dy null: the forward
  void* out = nullptr;
};

// Turns q and k of the packed tensor; everything else is copied. Element i of a head pairs with i + rotary_dim / 2.
// Bytes: 2 T (n + 2k) D e.
struct RopeCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0;
  int heads = 0, kv_heads = 0, head_dim = 0, rotary_dim = 0;
  const void* qkv = nullptr;
  const std::int64_t* positions = nullptr;     // (T)
  const float *cos = nullptr, *sin = nullptr;  // (positions, rotary_dim / 2)
  void* out = nullptr;
  bool inverse = false;
};

// One rank's part of the log of the sum of exponentials, over the first real_columns columns. Bytes: T V e.
struct CrossEntropyCall {
  DType dtype = DType::bf16;
  std::int64_t rows = 0, columns = 0, real_columns = 0;
  std::int64_t first_column = 0;          // of this rank in the vocabulary
  const void* logits = nullptr;           // (rows, columns)
  const std::int64_t* targets = nullptr;  // (rows), in the whole vocabulary; negative: none
  float* max = nullptr;                   // (rows); minus infinity without a real column
  float* sums = nullptr;                  // (2, rows): of exp(logit - max), and the target's logit or 0
};

// sums *= exp(own_max - max): what belongs to this rank's maximum comes to belong to that of all ranks.
struct CrossEntropyRescaleCall {
  std::int64_t rows = 0;
  const float *own_max = nullptr, *max = nullptr;  // (rows)
  float* sums = nullptr;                           // (rows)
};

// lse = max + log(sum); loss = weight * sum over rows with a target of (lse - the target's logit).
struct CrossEntropyLossCall {
  std::int64_t rows = 0;
  const float *max = nullptr, *sums = nullptr;  // (rows), (2, rows)
  const std::int64_t* targets = nullptr;        // (rows)
  const float* weight = nullptr;                // (1)
  float *lse = nullptr, *loss = nullptr;        // (rows), (1)
};

// dlogits = weight (softmax - one at the target), 0 where there is no target and in padding. Bytes: 2 T V e.
struct CrossEntropyBackwardCall {
  DType dtype = DType::bf16;
  std::int64_t rows = 0, columns = 0, real_columns = 0, first_column = 0;
  const void* logits = nullptr;
  const std::int64_t* targets = nullptr;
  const float *weight = nullptr, *lse = nullptr;  // (1), (rows)
  void* dlogits = nullptr;
};

// The largest magnitude; a NaN is larger than all. Bytes: M N e.
struct AmaxCall {
  DType dtype = DType::bf16;
  std::int64_t elements = 0;
  const void* x = nullptr;
  float* partials = nullptr;  // scratch, (blocks)
  std::int64_t blocks = 0;    // at least 1
  float* amax = nullptr;      // (1)
};

// scale = amax / the format's largest number, 1 for amax 0; q = x / scale, saturated. Bytes: M N e, and M N for each of
// q and q_t.
struct Fp8CastCall {
  DType dtype = DType::bf16;     // of x
  DType format = DType::f8e4m3;  // or f8e5m2
  std::int64_t rows = 0, columns = 0;
  const void* x = nullptr;            // (rows, columns)
  const float* amax = nullptr;        // (1)
  void *q = nullptr, *q_t = nullptr;  // (rows, columns), (columns, rows); either may be null
  float* scale = nullptr;             // (1), may be null
};

// Of one adapter y += scale h b^T: dh = scale dout b, db = scale dout^T h, in one pass over dout. bf16 alone, products
// in tensor cores with float32 sums. Bytes: T n e, and for the partial sums of both 8 R (T column_parts + n
// token_parts), which equal runs add in the same order.
struct AdapterBackwardCall {
  std::int64_t tokens = 0, columns = 0;        // T; n, a multiple of 8
  int rank = 0;                                // R, one that has_adapter_kernel()
  std::int64_t dout_stride = 0, h_stride = 0;  // elements from a row to the next; dout's a multiple of 8
  const void *dout = nullptr, *h = nullptr;    // (T, n), (T, R), in rows of wider tensors; dout begins at 16 bytes
  const void* b = nullptr;                     // (n, R)
  void *dh = nullptr, *db = nullptr;           // (T, R), in rows as h; (n, R)
  float* dh_partials = nullptr;                // scratch, (adapter_column_parts(), T, R)
  float* db_partials = nullptr;                // scratch, (token_parts, n, R)
  std::int64_t token_parts = 1;                // parts that the tokens are dealt out to; at least 1
  float scale = 1.0F;
};

// Of each token the top_k experts with the highest logits, the highest first and of equal ones the lower number, and
// their shares in the softmax over all experts, or, normalised, over those chosen. With `numbers` the logits are drawn
// from the tokens' numbers (drawn_logit.cuh). Bytes: T E e, without drawing, and 12 T k.
struct RouteCall {
  DType dtype = DType::bf16;  // of the logits
  std::int64_t tokens = 0;
  int experts = 0, top_k = 0;             // has_route_kernel()
  const void* logits = nullptr;           // (T, E)
  const std::int64_t* numbers = nullptr;  // (T) or null
  std::int64_t salt = 0;
  bool normalised = false;
  std::int64_t* choices = nullptr;  // (T, k)
  float* weights = nullptr;         // (T, k)
};

// Bytes: 2 T E e, without drawing, and 12 T k.
struct RouteBackwardCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0;
  int experts = 0, top_k = 0;
  const void* logits = nullptr;
  const std::int64_t* numbers = nullptr;
  std::int64_t salt = 0;
  bool normalised = false;
  const std::int64_t* choices = nullptr;  // (T, k)
  const float* dweights = nullptr;        // (T, k)
  void* dlogits = nullptr;                // (T, E)
};

inline constexpr int kMostExperts = 512;
constexpr bool has_route_kernel(std::int64_t experts, std::int64_t top_k) {
  return experts <= kMostExperts && top_k <= 32 && top_k <= experts;
}

// Rows for the choices, expert by expert, of each expert in the order of the tokens. With a capacity an expert has that
// many places, and of more choices those with the lowest weights are dropped, of equal ones the later: -1. Bytes: 32 T
// k, with a capacity some 8 T k more for each other choice of its expert, through the cache.
struct PlaceRowsCall {
  std::int64_t choices = 0;                           // T k
  int experts = 0;                                    // at most kMostExperts
  std::int64_t capacity = 0;                          // of an expert; 0: all
  const std::int64_t* experts_of = nullptr;           // (T k)
  const float* weights = nullptr;                     // (T k), with a capacity
  std::int64_t* scratch = nullptr;                    // (place_rows_scratch())
  std::int64_t *places = nullptr, *counts = nullptr;  // (T k), (E): rows that an expert gets
};

inline constexpr int kPlacedAtOnce = 1024;  // choices of a block
constexpr std::int64_t place_rows_blocks(std::int64_t choices) { return (choices + kPlacedAtOnce - 1) / kPlacedAtOnce; }
// Of each expert its first row, of each block and expert a number, and with a capacity two of each choice.
constexpr std::int64_t place_rows_scratch(std::int64_t choices, std::int64_t experts, bool with_capacity) {
  return (place_rows_blocks(choices) + 1) * experts + (with_capacity ? 2 * choices : 0);
}

// rows[places[t, j]] = x[t], row_weights[places[t, j]] = weights[t, j]; a row that is nobody's place becomes zero.
// Bytes: (T + R) H e.
struct PermuteCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0, width = 0, num_rows = 0;
  int top_k = 0;
  const void* x = nullptr;               // (T, H)
  const std::int64_t* places = nullptr;  // (T, k); negative: none
  const float* weights = nullptr;        // (T, k) or null
  void* rows = nullptr;                  // (R, H)
  float* row_weights = nullptr;          // (R), with the weights
  std::uint8_t* taken = nullptr;         // scratch (R), zeros
};

// y[t] = sum over j of rows[places[t, j]], weights[t, j] = row_weights[places[t, j]]; nothing and 0 where there is no
// place. Sums run in the order of the choices. Bytes: (T + T k) H e.
struct UnpermuteCall {
  DType dtype = DType::bf16;
  std::int64_t tokens = 0, width = 0;
  int top_k = 0;
  const void* rows = nullptr;            // (R, H)
  const std::int64_t* places = nullptr;  // (T, k)
  const float* row_weights = nullptr;    // (R) or null
  void* y = nullptr;                     // (T, H)
  float* weights = nullptr;              // (T, k), with the row weights
};

inline constexpr int kAdapterWarps = 8;   // of a block
inline constexpr int kAdapterChunk = 32;  // columns that a warp reads at once
constexpr bool has_adapter_kernel(std::int64_t rank) { return rank == 8 || rank == 16 || rank == 32 || rank == 64; }
// That a warp holds: its rows of b and db fill its registers.
constexpr int adapter_chunks(int rank) { return rank <= 16 ? 2 : 1; }
// Blocks side by side.
constexpr std::int64_t adapter_column_parts(std::int64_t columns, int rank) {
  const std::int64_t of_block = std::int64_t{kAdapterWarps} * adapter_chunks(rank) * kAdapterChunk;
  return (columns + of_block - 1) / of_block;
}

extern "C" {
int perfbench_norm(const NormCall* call, void* stream);
int perfbench_norm_backward(const NormBackwardCall* call, void* stream);
int perfbench_qk_norm(const QkNormCall* call, void* stream);
int perfbench_qk_norm_backward(const QkNormBackwardCall* call, void* stream);
int perfbench_swiglu(const SwiGluCall* call, void* stream);
int perfbench_swiglu_backward(const SwiGluBackwardCall* call, void* stream);
int perfbench_activate(const ActivateCall* call, void* stream);
int perfbench_rope(const RopeCall* call, void* stream);
int perfbench_cross_entropy(const CrossEntropyCall* call, void* stream);
int perfbench_cross_entropy_rescale(const CrossEntropyRescaleCall* call, void* stream);
int perfbench_cross_entropy_loss(const CrossEntropyLossCall* call, void* stream);
int perfbench_cross_entropy_backward(const CrossEntropyBackwardCall* call, void* stream);
int perfbench_amax(const AmaxCall* call, void* stream);
int perfbench_fp8_cast(const Fp8CastCall* call, void* stream);
int perfbench_adapter_backward(const AdapterBackwardCall* call, void* stream);
int perfbench_route(const RouteCall* call, void* stream);
int perfbench_route_backward(const RouteBackwardCall* call, void* stream);
int perfbench_place_rows(const PlaceRowsCall* call, void* stream);
int perfbench_permute(const PermuteCall* call, void* stream);
int perfbench_unpermute(const UnpermuteCall* call, void* stream);

// What a launcher's result says.
const char* perfbench_kernel_error(int status);
}

}  // namespace perfbench
