// Letters: T tokens, H width of rows, N features, V vocabulary rows, S positions, B samples, n and k query and
// key/value heads, D head dim, e bytes of an element.
#include "ops/op_cases.h"

#include <algorithm>
#include <utility>

#include "ops/expert_cases.h"
#include "ops/make_case.h"

namespace perfbench {
namespace {

void matmuls(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 7, H = 33, N = 48;
  const double e = size_bytes(dtype), flops = 2 * T * H * N;
  const auto linear = [](bool bias) -> Forward {
    return [bias](Builder& b, Program& p) {
      Matmul op{.a = {input(b, p, {7, 33})}, .b = {weight(b, "w", {48, 33})}};
      if (bias) op.bias = {weight(b, "bias", {48})};
      return b.emit(op, {"out"}).out.id;
    };
  };
  Policy policy = plain(dtype);
  const Count count{flops, e * (T * H + N * H + T * N)};
  cases.push_back(make("matmul_fused", Matmul::kName, policy, count, linear(false)));
  policy.fused_grad_accumulation = false;  // the weight gradient, then its sum
  cases.push_back(make("matmul", Matmul::kName, policy, count, linear(false)));
  cases.push_back(make("matmul_bias", Matmul::kName, policy, {flops, count.bytes + e * N}, linear(true)));
  if (dtype == DType::f32) return;
  policy = plain(dtype);
  policy.main_grad = DType::f32;
  cases.push_back(make("matmul_fused_wide_sum", Matmul::kName, policy, count, linear(false)));
}

void elementwise(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 11, H = 33;
  const double e = size_bytes(dtype);
  const Policy policy = plain(dtype);
  cases.push_back(make("add_bias", AddBias::kName, policy, {0, e * (2 * T * H + H)}, [](Builder& b, Program& p) {
    return b.emit(AddBias{.x = {input(b, p, {11, 33})}, .bias = {weight(b, "bias", {33})}}, {"out"}).out.id;
  }));
  // Both operands depend on the input, so that its gradient is a sum.
  cases.push_back(make("add", Add::kName, policy, {0, e * 3 * T * H}, [](Builder& b, Program& p) {
    const ValueId x = input(b, p, {11, 33});
    const ValueId y = b.emit(AddBias{.x = {x}, .bias = {weight(b, "bias", {33})}}, {"y"}).out.id;
    return b.emit(Add{.a = {x}, .b = {y}}, {"out"}).out.id;
  }));
  cases.push_back(make("swiglu", SwiGlu::kName, policy, {0, e * (2 * T * H + T * H)}, [](Builder& b, Program& p) {
    return b.emit(SwiGlu{.x = {input(b, p, {11, 66})}}, {"y"}).y.id;
  }));
}

void norms(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 11, H = 34;
  const double e = size_bytes(dtype);
  cases.push_back(
      make("rms_norm", RmsNorm::kName, plain(dtype), {0, e * (2 * T * H + H) + 4 * T}, [](Builder& b, Program& p) {
        const RmsNorm op{.x = {input(b, p, {11, 34})}, .weight = {weight(b, "w", {34})}, .eps = 1e-3};
        return b.emit(op, {nullptr, "y", "rstd"}).y.id;
      }));
  // The sum is read again, as the stream between blocks is.
  cases.push_back(make("rms_norm_residual", RmsNorm::kName, plain(dtype), {0, e * (4 * T * H + H) + 4 * T},
                       [](Builder& b, Program& p) {
                         const ValueId x = input(b, p, {11, 34});
                         const AddBias shifted{.x = {x}, .bias = {weight(b, "bias", {34})}};
                         RmsNorm op{.x = {x}, .residual = {b.emit(shifted, {"r"}).out.id}};
                         op.weight = {weight(b, "w", {34})};
                         op = b.emit(op, {"sum", "y", "rstd"});
                         return b.emit(Add{.a = {op.y.id}, .b = {op.sum.id}}, {"out"}).out.id;
                       }));
}

void layer_norms(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 11, H = 34;
  const double e = size_bytes(dtype);
  for (const double offset : {0.0, 1.0}) {  // LayerNorm1P keeps its weights as their difference from one
    const std::string name = offset == 0.0 ? "layer_norm" : "layer_norm_1p";
    cases.push_back(
        make(name, LayerNorm::kName, plain(dtype), {0, e * (2 * T * H + 2 * H) + 8 * T}, [=](Builder& b, Program& p) {
          LayerNorm op{.x = {input(b, p, {11, 34})}, .weight = {weight(b, "w", {34})}, .eps = 1e-3};
          op.bias = {weight(b, "bias", {34})};
          op.weight_offset = offset;
          return b.emit(op, {nullptr, "y", "mean", "rstd"}).y.id;
        }));
    cases.push_back(make(name + "_residual", LayerNorm::kName, plain(dtype), {0, e * (4 * T * H + 2 * H) + 8 * T},
                         [=](Builder& b, Program& p) {
                           const ValueId x = input(b, p, {11, 34});
                           const AddBias shifted{.x = {x}, .bias = {weight(b, "shift", {34})}};
                           LayerNorm op{.x = {x}, .residual = {b.emit(shifted, {"r"}).out.id}};
                           op.weight = {weight(b, "w", {34})};
                           op.bias = {weight(b, "bias", {34})};
                           op.weight_offset = offset;
                           op = b.emit(op, {"sum", "y", "mean", "rstd"});
                           return b.emit(Add{.a = {op.y.id}, .b = {op.sum.id}}, {"out"}).out.id;
                         }));
  }
}

void qk_norms(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 11;
  for (const Heads& heads : {Heads{.heads = 2, .kv_heads = 2, .head_dim = 8}, Heads{6, 1, 10}}) {
    const std::int64_t width = heads.packed_width();
    const auto W = static_cast<double>(width), D = static_cast<double>(heads.head_dim);
    const auto normed = static_cast<double>(heads.heads + heads.kv_heads);
    const Count count{0, size_bytes(dtype) * (2 * T * W + 2 * D) + 4 * T * normed};
    cases.push_back(make(heads.heads == heads.kv_heads ? "qk_norm" : "qk_norm_mqa", QkNorm::kName, plain(dtype), count,
                         [=](Builder& b, Program& p) {
                           QkNorm op{.qkv = {input(b, p, {11, width})}, .heads = heads, .eps = 1e-3};
                           op.q_weight = {weight(b, "q_norm", {heads.head_dim})};
                           op.k_weight = {weight(b, "k_norm", {heads.head_dim})};
                           return b.emit(op, {"out", "rstd"}).out.id;
                         }));
  }
}

void activations(std::vector<OpCase>& cases, DType dtype) {
  struct Variant {
    const char* name;
    Activation activation;
  };
  for (const Variant& v : {Variant{"silu", Activation::silu}, Variant{"gelu", Activation::gelu},
                           Variant{"gelu_tanh", Activation::gelu_tanh}, Variant{"relu2", Activation::relu2}}) {
    const Count count{0, size_bytes(dtype) * 2.0 * 11 * 33};
    cases.push_back(make(v.name, Activate::kName, plain(dtype), count, [=](Builder& b, Program& p) {
      return b.emit(Activate{.x = {input(b, p, {11, 33})}, .activation = v.activation}, {"y"}).y.id;
    }));
  }
}

void ropes(std::vector<OpCase>& cases, DType dtype) {
  struct Variant {
    const char* name;
    std::int64_t tokens;
    Heads heads;
    double theta;
    std::int64_t rotary_dim;
  };
  for (const Variant& v : {Variant{"rope", 13, {.heads = 2, .kv_heads = 2, .head_dim = 8}, 10000.0, 8},
                           Variant{"rope_gqa", 21, {.heads = 4, .kv_heads = 1, .head_dim = 6}, 500000.0, 6},
                           Variant{"rope_partial", 13, {.heads = 4, .kv_heads = 2, .head_dim = 8}, 10000.0, 4}}) {
    const std::int64_t tokens = v.tokens, width = v.heads.packed_width();
    const Count count{
        0, 2.0 * size_bytes(dtype) * static_cast<double>(tokens * width) + 8.0 * static_cast<double>(tokens)};
    cases.push_back(make(v.name, Rope::kName, plain(dtype), count, [=](Builder& b, Program& p) {
      const ValueId positions = b.data(Datum::position, {tokens});
      Rope op{.qkv = {input(b, p, {tokens, width})}, .positions = {positions}, .heads = v.heads, .theta = v.theta};
      op.rotary_dim = v.rotary_dim;
      return b.emit(op, {"out"}).out.id;
    }));
  }
}

void attentions(std::vector<OpCase>& cases, DType dtype) {
  struct Variant {
    const char* name;
    std::int64_t batch, seq;
    Heads heads;
    bool causal;
  };
  for (const Variant& v : {Variant{"attention", 1, 16, {.heads = 2, .kv_heads = 2, .head_dim = 8}, true},
                           Variant{"attention_gqa2_odd", 3, 13, {.heads = 6, .kv_heads = 3, .head_dim = 10}, true},
                           Variant{"attention_gqa4_batch2", 2, 37, {.heads = 4, .kv_heads = 1, .head_dim = 16}, true},
                           Variant{"attention_tiles_gqa2", 2, 128, {.heads = 4, .kv_heads = 2, .head_dim = 64}, true},
                           Variant{"attention_tiles_d128", 1, 256, {.heads = 4, .kv_heads = 1, .head_dim = 128}, true},
                           Variant{"attention_full", 2, 9, {.heads = 4, .kv_heads = 2, .head_dim = 8}, false}}) {
    const std::int64_t tokens = v.batch * v.seq, width = v.heads.packed_width();
    const auto B = static_cast<double>(v.batch), S = static_cast<double>(v.seq);
    const auto n = static_cast<double>(v.heads.heads), D = static_cast<double>(v.heads.head_dim);
    // Two products of 2 S S D a head; the causal half of both is done.
    const double flops = B * n * 2 * (2 * S * S * D) / (v.causal ? 2 : 1);
    const double bytes = size_bytes(dtype) * B * S * (static_cast<double>(width) + n * D) + 4 * B * S * n;
    cases.push_back(make(v.name, Attention::kName, plain(dtype), {flops, bytes}, [=](Builder& b, Program& p) {
      const Attention op{
          .qkv = {input(b, p, {tokens, width})}, .heads = v.heads, .batch = v.batch, .seq = v.seq, .causal = v.causal};
      return b.emit(op, {"out", "lse"}).out.id;
    }));
  }
}

// Sub-sequences of random lengths; the longer pack is worked through in more than one block.
void packed_attentions(std::vector<OpCase>& cases, DType dtype) {
  struct Variant {
    const char* name;
    std::int64_t batch, seq;
    Heads heads;
  };
  for (const Variant& v :
       {Variant{"attention_packed", 1, 40, {.heads = 2, .kv_heads = 2, .head_dim = 8}},
        Variant{"attention_packed_tiles_gqa2", 1, 128, {.heads = 4, .kv_heads = 2, .head_dim = 64}},
        Variant{"attention_packed_gqa2_batch3", 3, 300, {.heads = 4, .kv_heads = 2, .head_dim = 6}}}) {
    const std::int64_t tokens = v.batch * v.seq, width = v.heads.packed_width();
    const double T = static_cast<double>(tokens), attended = 12;
    const auto n = static_cast<double>(v.heads.heads), D = static_cast<double>(v.heads.head_dim);
    // A token attends to half of its sub-sequence, in two products of 2 D a head.
    const double flops = T * n * 2 * (2 * attended * D) / 2;
    const double bytes = size_bytes(dtype) * T * (static_cast<double>(width) + n * D) + 4 * T * n + 8 * T;
    cases.push_back(make(v.name, Attention::kName, plain(dtype), {flops, bytes}, [=](Builder& b, Program& p) {
      const ValueId starts = b.data(Datum::start, {tokens});
      Attention op{.qkv = {input(b, p, {tokens, width})}, .starts = {starts}, .heads = v.heads};
      op.batch = v.batch;
      op.seq = v.seq;
      op.attended = attended;
      return b.emit(op, {"out", "lse"}).out.id;
    }));
  }
}

void vocabulary(std::vector<OpCase>& cases, DType dtype) {
  constexpr double T = 12, H = 18, V = 32;
  const double e = size_bytes(dtype);
  // The rows read, the rows written, and the tokens of 8 bytes.
  cases.push_back(
      make("embedding", Embedding::kName, plain(dtype), {0, e * 2 * T * H + 8 * T}, [](Builder& b, Program&) {
        const ValueId tokens = b.data(Datum::token, {12});
        return b.emit(Embedding{.tokens = {tokens}, .weight = {weight(b, "w", {32, 18})}}, {"out"}).out.id;
      }));
  const auto loss = [&](const char* name, std::int64_t vocab, bool eager, double bytes) {
    cases.push_back(make(name, CrossEntropy::kName, plain(dtype), {0, bytes}, [=](Builder& b, Program& p) {
      const ValueId targets = b.data(Datum::target, {12});
      CrossEntropy op{.logits = {input(b, p, {12, 32})}, .targets = {targets}, .vocab = vocab, .eager = eager};
      op.weight = {b.data(Datum::loss_weight, {1})};
      p.loss = b.emit(op, {"loss", "lse"}).loss.id;
      return kNoValue;
    }));
  };
  // Logits, targets of 8 bytes, the weight and the loss, and a float32 a token.
  const double fused_bytes = e * T * V + 8 * T + 4 + 4 + 4 * T;
  loss("cross_entropy", 32, false, fused_bytes);
  loss("cross_entropy_padded", 27, false, fused_bytes);
  loss("cross_entropy_eager", 27, true, 14 * T * V);  // in BF16 a cast of 6 bytes, then 8 of the log-softmax
}

void fp8_linears(std::vector<OpCase>& cases, DType dtype) {
  if (dtype == DType::f32) return;
  constexpr double T = 32, H = 64, N = 48;
  for (const bool transposes : {false, true}) {
    Policy policy = plain(DType::bf16);
    policy.fp8 = true;
    policy.fp8_transposes = transposes;
    const std::string name = transposes ? "fp8_linear_transposes" : "fp8_linear";
    const Forward forward = [](Builder& b, Program& p) {
      return b.column_linear(input(b, p, {32, 64}), {.name = "w", .bias_name = "bias"}, 48, "out");
    };
    // Bytes: operands of 1 byte, out and bias of 2, two scales of 4.
    const Count product{2 * T * H * N, T * H + N * H + 2 * (T * N + N) + 4 + 4};
    cases.push_back(make(name, Matmul::kName, policy, product, forward));
    // x of 2 bytes is read for the amax and again for the cast; one or two copies of 1 byte, a scale of 4.
    const Count cast{0, 2 * (2 * T * H) + (transposes ? 2 : 1) * T * H + 4};
    cases.push_back(make(name + "_quantize", Quantize::kName, policy, cast, forward));
  }
}

// R the rank, A the columns with an adapter, which sees the input. The base is the input, too, or a product of it with
// a frozen weight, as in a model: nobody reads it then, and the input's gradient is the sum of two products.
void adapters(std::vector<OpCase>& cases, DType dtype) {
  struct Variant {
    const char* name;
    AdapterColumns columns;
    std::int64_t adapters, adapted;
    bool is_linear = false;
  };
  constexpr std::int64_t T = 9, N = 40, R = 8;
  const Variant variants[] = {{"adapter_up_three", {{{24, true}, {8, true}, {8, true}}}, 3, 40},
                              {"adapter_up_one", {{{40, true}}}, 1, 40},
                              {"adapter_up_two_of_three", {{{24, true}, {8, false}, {8, true}}}, 2, 32},
                              {"adapter_up_last", {{{24, false}, {16, true}}}, 1, 16},
                              {"adapted_linear", {{{40, true}}}, 1, 40, true}};
  for (const Variant& v : variants) {
    const std::int64_t rows = v.adapters * R;
    const std::int64_t elements = 2 * T * N + T * rows + v.adapted * R;
    const Count count{static_cast<double>(2 * T * v.adapted * R),
                      static_cast<double>(size_bytes(dtype)) * static_cast<double>(elements)};
    const Forward forward = [=](Builder& b, Program& p) {
      const auto adapter_weight = [&](const char* name, Shape shape) {
        const ValueId id = weight(b, name, shape);
        p[id].trainable = true;
        return id;
      };
      const ValueId x = input(b, p, {T, N});
      ValueId base = x;
      if (v.is_linear) base = b.emit(Matmul{.a = {x}, .b = {weight(b, "w", {N, N})}}, {"base"}).out.id;
      const ValueId h = b.emit(Matmul{.a = {x}, .b = {adapter_weight("a", {rows, N})}}, {"h"}).out.id;
      AdapterUp op{.base = {base}, .h = {h}, .columns = v.columns, .scale = 0.5};
      op.b = {adapter_weight("b", {v.adapted, R})};
      return b.emit(op, {"out"}).out.id;
    };
    Policy policy = plain(dtype);
    policy.adapters_only = true;
    cases.push_back(make(v.name, AdapterUp::kName, policy, count, forward));
    policy.fused_adapter_gradients = true;
    cases.push_back(make(std::string(v.name) + "_fused_gradients", AdapterUp::kName, policy, count, forward));
  }
}

// No backward is derived from a transposition: it serves FP8 weight gradients.
void transposition(std::vector<OpCase>& cases, DType dtype) {
  const Policy policy = plain(dtype);
  Program program;
  Builder build(program, policy);
  program.output = build.emit(Transpose{.x = {input(build, program, {5, 12})}}, {"out"}).out.id;
  const double bytes = 2.0 * size_bytes(dtype) * 5 * 12;
  cases.push_back(
      finish("transpose_" + std::string(name(dtype)), Transpose::kName, policy, program, {.flops = 0, .bytes = bytes}));
}

using Cases = void (*)(std::vector<OpCase>&, DType);

// The cases that hold each op, as the op they are about or in what is made of it. A new op is listed here, or it does
// not compile.
struct CasesOf {
  std::vector<Cases> operator()(const Embedding&) const { return {vocabulary}; }
  std::vector<Cases> operator()(const EmbeddingBackward&) const { return {vocabulary}; }
  std::vector<Cases> operator()(const CrossEntropy&) const { return {vocabulary}; }
  std::vector<Cases> operator()(const CrossEntropyBackward&) const { return {vocabulary}; }
  std::vector<Cases> operator()(const RmsNorm&) const { return {norms}; }
  std::vector<Cases> operator()(const RmsNormBackward&) const { return {norms}; }
  std::vector<Cases> operator()(const LayerNorm&) const { return {layer_norms}; }
  std::vector<Cases> operator()(const LayerNormBackward&) const { return {layer_norms}; }
  std::vector<Cases> operator()(const QkNorm&) const { return {qk_norms}; }
  std::vector<Cases> operator()(const QkNormBackward&) const { return {qk_norms}; }
  std::vector<Cases> operator()(const Matmul&) const { return {matmuls, fp8_linears}; }
  std::vector<Cases> operator()(const AddMatmul&) const { return {adapters}; }
  std::vector<Cases> operator()(const WeightGrad&) const { return {matmuls}; }
  std::vector<Cases> operator()(const WeightGradAccumulate&) const { return {matmuls, fp8_linears}; }
  std::vector<Cases> operator()(const AddBias&) const { return {elementwise}; }
  std::vector<Cases> operator()(const BiasGrad&) const { return {elementwise}; }
  std::vector<Cases> operator()(const Accumulate&) const { return {norms}; }
  std::vector<Cases> operator()(const Add&) const { return {elementwise}; }
  std::vector<Cases> operator()(const Transpose&) const { return {transposition}; }
  std::vector<Cases> operator()(const Rope&) const { return {ropes}; }
  std::vector<Cases> operator()(const Attention&) const { return {attentions, packed_attentions}; }
  std::vector<Cases> operator()(const AttentionBackward&) const { return {attentions, packed_attentions}; }
  std::vector<Cases> operator()(const SwiGlu&) const { return {elementwise}; }
  std::vector<Cases> operator()(const SwiGluBackward&) const { return {elementwise}; }
  std::vector<Cases> operator()(const Activate&) const { return {activations}; }
  std::vector<Cases> operator()(const ActivateBackward&) const { return {activations}; }
  std::vector<Cases> operator()(const AdapterUp&) const { return {adapters}; }
  std::vector<Cases> operator()(const AdapterUpBackward&) const { return {adapters}; }
  std::vector<Cases> operator()(const AdapterWeightGrad&) const { return {adapters}; }
  std::vector<Cases> operator()(const AdapterBackward&) const { return {adapters}; }
  std::vector<Cases> operator()(const Route&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const RouteBackward&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const PlaceRows&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const Permute&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const Unpermute&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const Regroup&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const GroupedMatmul&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const GroupedWeightGrad&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const GroupedWeightGradAccumulate&) const { return {expert_cases}; }
  std::vector<Cases> operator()(const Quantize&) const { return {fp8_linears}; }
  std::vector<Cases> operator()(const CastWeight&) const { return {fp8_linears}; }
  std::vector<Cases> operator()(const GradNorm&) const { return {matmuls}; }
  std::vector<Cases> operator()(const AdamW&) const { return {matmuls}; }
  // See uncovered_ops().
  std::vector<Cases> operator()(const OfClass<OpClass::collective> auto&) const { return {}; }
};

template <std::size_t... Index>
std::vector<Cases> all_cases(std::index_sequence<Index...>) {
  std::vector<Cases> all;
  for (const std::vector<Cases>& of_op : {CasesOf{}(std::variant_alternative_t<Index, Op>{})...}) {
    for (const Cases cases : of_op) {
      if (std::ranges::find(all, cases) == all.end()) all.push_back(cases);
    }
  }
  return all;
}

}  // namespace

std::vector<OpCase> op_cases() {
  std::vector<OpCase> list;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Cases cases : all_cases(std::make_index_sequence<std::variant_size_v<Op>>())) cases(list, dtype);
  }
  return list;
}

const std::vector<UncoveredOp>& uncovered_ops() {
  constexpr std::string_view kLayouts = "moves data between ranks: layouts of whole models are compared with one rank";
  static const std::vector<UncoveredOp> ops = {
      {AllGather::kName, kLayouts},         {ReduceScatter::kName, kLayouts},      {AllReduce::kName, kLayouts},
      {GatherShards::kName, kLayouts},      {ScatterGrads::kName, kLayouts},       {GatherParams::kName, kLayouts},
      {ReduceGrads::kName, kLayouts},       {ReducePartialGrads::kName, kLayouts}, {ReduceCopiedRows::kName, kLayouts},
      {ReduceSharedGrads::kName, kLayouts}, {ReduceShares::kName, kLayouts}};
  return ops;
}

}  // namespace perfbench
