// The closed set of operations. An op is a plain struct: typed operands, then plain fields. Ops are coarse: one op is
// one fused kernel where a good stack has one. Letters in shape comments: T local tokens, S sequence length, B samples,
// H hidden, F ffn width, R rank of an adapter, n and k local query and key/value heads, D head dim, V local vocabulary
// rows, M N K a product's dims.
//
// `fields()` names the operands in order; a walk over operands is collect(op) in operands.h, a reader of the meaning is
// one std::visit without a fallback overload, so that a forgotten op is a compile error.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "job/model_spec.h"
#include "program/axis.h"
#include "program/value.h"

namespace perfbench {

struct In {
  ValueId id = kNoValue;  // kNoValue: an optional operand that is absent
};
struct Out {
  ValueId id = kNoValue;
};
struct InOut {  // a state that the op updates
  ValueId id = kNoValue;
};
using InList = std::vector<In>;
using OutList = std::vector<Out>;
using InOutList = std::vector<InOut>;

struct Heads {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;  // local to one rank
  std::int64_t packed_width() const { return (heads + 2 * kv_heads) * head_dim; }
  std::int64_t out_width() const { return heads * head_dim; }
};

struct Embedding {
  static constexpr std::string_view kName = "embedding";
  In tokens{}, weight{};  // (T), (V, H)
  Out out{};              // (T, H); partial over `axis` where the rows of the weight are split along it
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(tokens, weight, out); }
};

struct EmbeddingBackward {
  static constexpr std::string_view kName = "embedding_backward";
  In dout{}, tokens{}, weight{};  // (T, H), (T), (V, H): only the shape of the weight is read
  Out dw{};                       // (V, H)
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(dout, tokens, weight, dw); }
};

struct RmsNorm {  // sum = x + residual; y = sum * rstd * weight
  static constexpr std::string_view kName = "rms_norm";
  In x{}, residual{}, weight{};  // (T, H), (T, H) or absent, (H)
  Out sum{}, y{}, rstd{};        // (T, H) where there is a residual, (T, H), (T)
  double eps = 1e-5;
  auto fields() const { return std::tie(x, residual, weight, sum, y, rstd); }
};

struct RmsNormBackward {  // dx is the gradient of x and of the residual alike
  static constexpr std::string_view kName = "rms_norm_backward";
  In dy{}, dsum{}, sum{}, weight{}, rstd{};  // (T, H), (T, H) or absent, (T, H), (H), (T)
  Out dx{}, dw{};                            // (T, H), (H)
  auto fields() const { return std::tie(dy, dsum, sum, weight, rstd, dx, dw); }
};

struct LayerNorm {  // sum = x + residual; y = (sum - mean) * rstd * (weight + weight_offset) + bias
  static constexpr std::string_view kName = "layer_norm";
  In x{}, residual{}, weight{}, bias{};  // (T, H), (T, H) or absent, (H), (H)
  Out sum{}, y{}, mean{}, rstd{};        // (T, H) where there is a residual, (T, H), (T) float32, (T) float32
  double eps = 1e-5;
  double weight_offset = 0.0;  // 1: weights are kept as their difference from one (Nemotron's LayerNorm1P)
  auto fields() const { return std::tie(x, residual, weight, bias, sum, y, mean, rstd); }
};

struct LayerNormBackward {  // dx is the gradient of x and of the residual alike
  static constexpr std::string_view kName = "layer_norm_backward";
  In dy{}, dsum{}, sum{}, weight{}, mean{}, rstd{};  // dsum may be absent
  Out dx{}, dw{}, db{};                              // (T, H), (H), (H)
  double weight_offset = 0.0;
  auto fields() const { return std::tie(dy, dsum, sum, weight, mean, rstd, dx, dw, db); }
};

struct QkNorm {  // RMS norm of each head of q and of k inside the packed tensor, before the rotation
  static constexpr std::string_view kName = "qk_norm";
  In qkv{}, q_weight{}, k_weight{};  // (T, (n + 2k) D), (D), (D)
  Out out{}, rstd{};                 // as qkv, (T, n + k) float32
  Heads heads{};
  double eps = 1e-6;
  auto fields() const { return std::tie(qkv, q_weight, k_weight, out, rstd); }
};

struct QkNormBackward {
  static constexpr std::string_view kName = "qk_norm_backward";
  In dout{}, qkv{}, q_weight{}, k_weight{}, rstd{};
  Out dqkv{}, dq_weight{}, dk_weight{};  // (T, (n + 2k) D), (D), (D)
  Heads heads{};
  auto fields() const { return std::tie(dout, qkv, q_weight, k_weight, rstd, dqkv, dq_weight, dk_weight); }
};

struct Matmul {  // out = a b^T, or a b, and the bias
  static constexpr std::string_view kName = "matmul";
  In a{}, b{};              // (M, K), and (N, K) with transpose_b, else (K, N)
  In scale_a{}, scale_b{};  // (1) float32 each where the operands are FP8
  In bias{};                // (N) or absent
  Out out{};                // (M, N)
  bool transpose_b = true;
  auto fields() const { return std::tie(a, b, scale_a, scale_b, bias, out); }
};

struct AddMatmul {  // out = c + a b^T, or c + a b: nothing is rounded between the product and the sum
  static constexpr std::string_view kName = "add_matmul";
  In c{}, a{}, b{};  // (M, N), (M, K), and (N, K) with transpose_b, else (K, N)
  Out out{};         // (M, N)
  bool transpose_b = true;
  auto fields() const { return std::tie(c, a, b, out); }
};

struct WeightGrad {  // dw = dy^T x
  static constexpr std::string_view kName = "weight_grad";
  In dy{}, x{};              // (M, N), (M, K), or with `transposed` (N, M), (K, M): FP8 before Blackwell
  In scale_dy{}, scale_x{};  // (1) float32 each where the operands are FP8
  Out dw{};                  // (N, K)
  bool transposed = false;
  auto fields() const { return std::tie(dy, x, scale_dy, scale_x, dw); }
};

struct WeightGradAccumulate {  // main_grad += dy^T x, in one kernel
  static constexpr std::string_view kName = "weight_grad_accumulate";
  In dy{}, x{};
  In scale_dy{}, scale_x{};
  InOut main_grad{};  // (N, K)
  bool transposed = false;
  auto fields() const { return std::tie(dy, x, scale_dy, scale_x, main_grad); }
};

struct AddBias {  // to a product whose partial sums are complete; elsewhere the bias is the product's
  static constexpr std::string_view kName = "add_bias";
  In x{}, bias{};  // (M, N), (N)
  Out out{};       // (M, N)
  auto fields() const { return std::tie(x, bias, out); }
};

struct BiasGrad {  // dw = sum of the rows of dy
  static constexpr std::string_view kName = "bias_grad";
  In dy{};   // (M, N)
  Out dw{};  // (N)
  auto fields() const { return std::tie(dy, dw); }
};

struct Accumulate {  // main_grad += dw
  static constexpr std::string_view kName = "accumulate";
  In dw{};
  InOut main_grad{};
  auto fields() const { return std::tie(dw, main_grad); }
};

struct Add {
  static constexpr std::string_view kName = "add";
  In a{}, b{};
  Out out{};
  auto fields() const { return std::tie(a, b, out); }
};

struct Transpose {
  static constexpr std::string_view kName = "transpose";
  In x{};     // (M, N)
  Out out{};  // (N, M)
  auto fields() const { return std::tie(x, out); }
};

struct Rope {  // rotates q and k inside the packed tensor; `inverse` is its backward
  static constexpr std::string_view kName = "rope";
  In qkv{}, positions{};  // (T, (n + 2k) D), (T)
  Out out{};              // as qkv
  Heads heads{};
  double theta = 10000.0;
  RopeScaling scaling{};
  std::int64_t rotary_dim = 0;  // dims of a head that are rotated, the first ones; even, at most D
  bool inverse = false;
  auto fields() const { return std::tie(qkv, positions, out); }
};

// Where the tokens are split over cp, each rank holds chunks r and 2 cp - 1 - r of the 2 cp chunks of every sequence
// (zigzag: equal work under a causal mask), and K and V go round the ring of cp ranks: a hidden collective. Packed
// sub-sequences: a token attends to those of its own only.
struct Attention {
  static constexpr std::string_view kName = "attention";
  In qkv{}, starts{};  // (T, (n + 2k) D), (T) or absent: where in the pack each token's sub-sequence starts
  Out out{}, lse{};    // (T, n D), (T, n) float32
  Heads heads{};
  std::int64_t batch = 0, seq = 0;  // T = batch * seq, of this rank
  bool causal = true;
  double attended = 0.0;  // mean over tokens of the length of their sub-sequence; 0: nothing is packed
  auto fields() const { return std::tie(qkv, starts, out, lse); }
};

struct AttentionBackward {  // over cp, K and V go round once more and their gradients with them, home again
  static constexpr std::string_view kName = "attention_backward";
  In dout{}, qkv{}, starts{}, out{}, lse{};
  Out dqkv{};
  Heads heads{};
  std::int64_t batch = 0, seq = 0;
  bool causal = true;
  double attended = 0.0;
  auto fields() const { return std::tie(dout, qkv, starts, out, lse, dqkv); }
};

struct SwiGlu {  // y = silu(gate) * up
  static constexpr std::string_view kName = "swiglu";
  In x{};   // (T, 2 F): gate, then up
  Out y{};  // (T, F)
  auto fields() const { return std::tie(x, y); }
};

struct SwiGluBackward {
  static constexpr std::string_view kName = "swiglu_backward";
  In dy{}, x{};
  Out dx{};
  auto fields() const { return std::tie(dy, x, dx); }
};

struct Activate {  // y = f(x), element by element
  static constexpr std::string_view kName = "activate";
  In x{};   // (T, F)
  Out y{};  // (T, F)
  Activation activation = Activation::gelu;
  auto fields() const { return std::tie(x, y); }
};

struct ActivateBackward {
  static constexpr std::string_view kName = "activate_backward";
  In dy{}, x{};
  Out dx{};
  Activation activation = Activation::gelu;
  auto fields() const { return std::tie(dy, x, dx); }
};

// Neighbouring columns of a linear's output on one rank, with an adapter of their own or with none.
struct AdapterBlock {
  std::int64_t columns = 0;
  bool adapted = false;
};

inline constexpr int kMostAdapterBlocks = 3;  // q, k and v

// All columns of the output, in order. Letters: N of them, A of these with an adapter.
using AdapterColumns = std::array<AdapterBlock, kMostAdapterBlocks>;

struct AdapterUp {  // second product of low-rank adapters: out = base + scale * h_i b_i^T in the columns of adapter i
  static constexpr std::string_view kName = "adapter_up";
  In base{}, h{}, b{};  // (T, N), (T, adapters x R), (A, R)
  Out out{};            // (T, N)
  AdapterColumns columns{};
  double scale = 1.0;
  auto fields() const { return std::tie(base, h, b, out); }
};

struct AdapterUpBackward {  // dh_i = scale * dout_i b_i; the base's gradient is dout itself
  static constexpr std::string_view kName = "adapter_up_backward";
  In dout{}, b{};
  Out dh{};
  AdapterColumns columns{};
  double scale = 1.0;
  auto fields() const { return std::tie(dout, b, dh); }
};

struct AdapterWeightGrad {  // db_i = scale * dout_i^T h_i
  static constexpr std::string_view kName = "adapter_weight_grad";
  In dout{}, h{};
  Out db{};  // (A, R)
  AdapterColumns columns{};
  double scale = 1.0;
  auto fields() const { return std::tie(dout, h, db); }
};

struct AdapterBackward {  // both of these in one pass over dout
  static constexpr std::string_view kName = "adapter_backward";
  In dout{}, h{}, b{};
  Out dh{}, db{};
  AdapterColumns columns{};
  double scale = 1.0;
  auto fields() const { return std::tie(dout, h, b, dh, db); }
};

struct Quantize {  // current scaling: amax of the whole tensor, then the cast
  static constexpr std::string_view kName = "quantize";
  In x{};          // (M, N)
  Out q{}, q_t{};  // (M, N), (N, M) where asked for
  Out scale{};     // (1) float32
  DType dtype = DType::f8e4m3;
  bool of_weight = false;  // a weight is never gathered over tp: each rank scales the part that it has
  // The rows of x are split over tp and gathered next: all ranks need one scale, so the amax is a hidden all-reduce.
  // Columns split over tp are never gathered; each rank has its own scale.
  bool amax_over_tp = false;
  auto fields() const { return std::tie(x, q, q_t, scale); }
};

struct CastWeight {  // the weight in FP8; runs with the first microbatch only
  static constexpr std::string_view kName = "cast_weight";
  In weight{};       // (N, K)
  InOut q{}, q_t{};  // (N, K) absent where the weight is held in FP8 already; (K, N) where asked for
  InOut scale{};     // (1) float32
  auto fields() const { return std::tie(weight, q, q_t, scale); }
};

struct AllGather {  // along dim 0
  static constexpr std::string_view kName = "all_gather";
  In x{};
  Out out{};
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(x, out); }
};

struct ReduceScatter {  // along dim 0
  static constexpr std::string_view kName = "reduce_scatter";
  In x{};
  Out out{};
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(x, out); }
};

struct AllReduce {
  static constexpr std::string_view kName = "all_reduce";
  In x{};
  Out out{};
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(x, out); }
};

// This rank's share of the mean over the target tokens of the global batch: each weighs 1 / (their number), which is
// data of the step and the only factor anywhere. A negative target is no target.
struct CrossEntropy {
  static constexpr std::string_view kName = "cross_entropy";
  In logits{}, targets{}, weight{};  // (T, V), (T), (1) float32
  Out loss{}, lse{};                 // (1) float32, (T) float32
  Axis axis = Axis::tp;              // the vocabulary is split along it
  std::int64_t vocab = 0;            // of the whole model; rows beyond are padding and take no part
  auto fields() const { return std::tie(logits, targets, weight, loss, lse); }
};

struct CrossEntropyBackward {
  static constexpr std::string_view kName = "cross_entropy_backward";
  In logits{}, targets{}, weight{}, lse{};
  Out dlogits{};  // (T, V)
  Axis axis = Axis::tp;
  std::int64_t vocab = 0;
  auto fields() const { return std::tie(logits, targets, weight, lse, dlogits); }
};

struct GatherParams {  // updated shards of a bucket of weights come together over dp x cp
  static constexpr std::string_view kName = "gather_params";
  InOutList weights{};
  auto fields() const { return std::tie(weights); }
};

// FSDP: the weights of a unit (a layer, or what is outside the layers), whole on every rank of dp x cp.
struct GatherShards {
  static constexpr std::string_view kName = "gather_shards";
  InList shards{};    // weights of which each rank holds a share
  OutList weights{};  // the same, whole
  InOutList kept{};   // in place of `weights`: states that stay whole to the end of the step
  auto fields() const { return std::tie(shards, weights, kept); }
};

struct ScatterGrads {  // FSDP: weight gradients of a unit are summed over dp x cp; each rank adds its share to its own
  static constexpr std::string_view kName = "scatter_grads";
  InList dws{};
  InOutList main_grads{};
  auto fields() const { return std::tie(dws, main_grads); }
};

struct ReduceGrads {  // main gradients of a bucket are summed over dp x cp, each rank keeping its shard
  static constexpr std::string_view kName = "reduce_grads";
  InOutList main_grads{};
  bool scatter = true;  // false: every rank keeps the whole sum
  auto fields() const { return std::tie(main_grads); }
};

struct ReducePartialGrads {  // main gradients that are partial over an axis (norms under sequence parallelism)
  static constexpr std::string_view kName = "reduce_partial_grads";
  InOutList main_grads{};
  Axis axis = Axis::tp;
  auto fields() const { return std::tie(main_grads); }
};

struct ReduceSharedGrads {  // main gradients of weights that two stages hold are summed over both
  static constexpr std::string_view kName = "reduce_shared_grads";
  InOutList main_grads{};
  std::int64_t shards = 1;  // ranks that share each: every rank sums its own part
  auto fields() const { return std::tie(main_grads); }
};

struct GradNorm {  // norm of all main gradients over the whole model: hidden all-reduces of one number
  static constexpr std::string_view kName = "grad_norm";
  InOutList main_grads{};
  std::int64_t shards = 1;  // ranks that share the work
  auto fields() const { return std::tie(main_grads); }
};

struct AdamW {  // master weights and moments of this rank's shard, then the weights
  static constexpr std::string_view kName = "adamw";
  InOutList weights{}, main_grads{};
  std::int64_t shards = 1;        // ranks that share the states
  std::int64_t state_bytes = 12;  // per parameter: master copy and the two moments
  auto fields() const { return std::tie(weights, main_grads); }
};

using Op =
    std::variant<Embedding, EmbeddingBackward, RmsNorm, RmsNormBackward, LayerNorm, LayerNormBackward, QkNorm,
                 QkNormBackward, Matmul, AddMatmul, WeightGrad, WeightGradAccumulate, AddBias, BiasGrad, Accumulate,
                 Add, Transpose, Rope, Attention, AttentionBackward, SwiGlu, SwiGluBackward, Activate, ActivateBackward,
                 AdapterUp, AdapterUpBackward, AdapterWeightGrad, AdapterBackward, Quantize, CastWeight, AllGather,
                 ReduceScatter, AllReduce, CrossEntropy, CrossEntropyBackward, GatherParams, GatherShards, ScatterGrads,
                 ReduceGrads, ReducePartialGrads, ReduceSharedGrads, GradNorm, AdamW>;

std::string_view name(const Op& op);

// The lane that the op is issued on.
Lane lane_of(const Op& op);

}  // namespace perfbench
