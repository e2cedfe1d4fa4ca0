#include "program/infer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "program/operands.h"

namespace perfbench {
namespace {

using Types = std::vector<ValueType>;
using Placements = PerAxis<Placement>;

class Infer {
 public:
  explicit Infer(const Program& program) : program_(program) {}

  Types operator()(const Embedding& op) const {
    const ValueType &tokens = type(op.tokens), &weight = type(op.weight);
    Placements placement = per_axis([&](Axis axis) {
      if (!weight.placement[axis].is_split(0)) return tokens.placement[axis];
      if (axis != op.axis) fail("embedding", axis, "the vocabulary is split over an axis that it does not name");
      if (!tokens.placement[axis].is_replicated()) fail("embedding", axis, "tokens and vocabulary are both split");
      return kPartial;
    });
    return {{{tokens.shape[0], weight.shape[1]}, weight.dtype, placement}};
  }

  Types operator()(const EmbeddingBackward& op) const {
    const ValueType &dout = type(op.dout), &weight = type(op.weight);
    Placements placement = per_axis([&](Axis axis) {
      if (dout.placement[axis].is_partial()) fail("embedding_backward", axis, "the gradient is a partial sum");
      if (dout.placement[axis].is_split(0)) return kPartial;
      return weight.placement[axis];
    });
    return {{weight.shape, dout.dtype, placement}};
  }

  Types operator()(const RmsNorm& op) const {
    const ValueType& x = type(op.x);
    rowwise("rms_norm", x);
    if (op.residual.id != kNoValue) same("rms_norm", x, type(op.residual));
    if (type(op.weight).shape != Shape{x.shape[1]}) fail("rms_norm", "the weight is not as wide as the rows");
    return {x, x, {{x.shape[0]}, DType::f32, x.placement}};
  }

  Types operator()(const RmsNormBackward& op) const {
    const ValueType &dy = type(op.dy), &weight = type(op.weight);
    rowwise("rms_norm_backward", dy);
    same("rms_norm_backward", dy, type(op.sum));
    if (op.dsum.id != kNoValue) same("rms_norm_backward", dy, type(op.dsum));
    Placements placement = per_axis([&](Axis axis) { return dy.placement[axis].is_split(0) ? kPartial : kReplicated; });
    return {dy, {weight.shape, dy.dtype, placement}};
  }

  Types operator()(const LayerNorm& op) const {
    const ValueType& x = type(op.x);
    rowwise("layer_norm", x);
    if (op.residual.id != kNoValue) same("layer_norm", x, type(op.residual));
    for (In parameter : {op.weight, op.bias}) {
      if (type(parameter).shape != Shape{x.shape[1]}) fail("layer_norm", "a weight is not as wide as the rows");
    }
    const ValueType per_row{{x.shape[0]}, DType::f32, x.placement};
    return {x, x, per_row, per_row};
  }

  Types operator()(const LayerNormBackward& op) const {
    const ValueType& dy = type(op.dy);
    rowwise("layer_norm_backward", dy);
    same("layer_norm_backward", dy, type(op.sum));
    if (op.dsum.id != kNoValue) same("layer_norm_backward", dy, type(op.dsum));
    Placements placement = per_axis([&](Axis axis) { return dy.placement[axis].is_split(0) ? kPartial : kReplicated; });
    const ValueType parameter{type(op.weight).shape, dy.dtype, placement};
    return {dy, parameter, parameter};
  }

  Types operator()(const QkNorm& op) const {
    const ValueType& qkv = type(op.qkv);
    packed("qk_norm", qkv, op.heads);
    for (In weight : {op.q_weight, op.k_weight}) {
      if (type(weight).shape != Shape{op.heads.head_dim}) fail("qk_norm", "a weight is not as wide as a head");
    }
    return {qkv, {{qkv.shape[0], op.heads.heads + op.heads.kv_heads}, DType::f32, qkv.placement}};
  }

  // One weight serves all heads: split tokens and split heads alike leave a partial sum.
  Types operator()(const QkNormBackward& op) const {
    const ValueType& dout = type(op.dout);
    packed("qk_norm_backward", dout, op.heads);
    same("qk_norm_backward", dout, type(op.qkv));
    Placements placement =
        per_axis([&](Axis axis) { return dout.placement[axis].is_split() ? kPartial : kReplicated; });
    const ValueType weight{{op.heads.head_dim}, dout.dtype, placement};
    return {dout, weight, weight};
  }

  Types operator()(const Matmul& op) const {
    const ValueType out = matmul("matmul", type(op.a), type(op.b), op.transpose_b);
    if (op.bias.id != kNoValue) bias("matmul", out, type(op.bias));
    return {out};
  }

  Types operator()(const AddMatmul& op) const {
    const ValueType out = matmul("add_matmul", type(op.a), type(op.b), op.transpose_b);
    same("add_matmul", out, type(op.c));
    return {out};
  }

  Types operator()(const WeightGrad& op) const { return {weight_grad("weight_grad", op.dy, op.x, op.transposed)}; }

  Types operator()(const WeightGradAccumulate& op) const {
    grad_fits("weight_grad_accumulate", weight_grad("weight_grad_accumulate", op.dy, op.x, op.transposed),
              op.main_grad);
    return {};
  }

  Types operator()(const AddBias& op) const {
    bias("add_bias", type(op.x), type(op.bias));
    return {type(op.x)};
  }

  Types operator()(const BiasGrad& op) const {
    const ValueType& dy = type(op.dy);
    no_partial("bias_grad", dy);
    Placements placement = per_axis([&](Axis axis) {
      if (dy.placement[axis].is_split(0)) return kPartial;
      return dy.placement[axis].is_split(1) ? split(0) : kReplicated;
    });
    return {{{dy.shape[1]}, dy.dtype, placement}};
  }

  Types operator()(const Accumulate& op) const {
    grad_fits("accumulate", type(op.dw), op.main_grad);
    return {};
  }

  Types operator()(const Add& op) const {
    same("add", type(op.a), type(op.b));
    return {type(op.a)};
  }

  Types operator()(const Transpose& op) const { return {transposed(type(op.x))}; }

  Types operator()(const Rope& op) const {
    const ValueType& qkv = type(op.qkv);
    packed("rope", qkv, op.heads);
    per_token("rope", qkv, type(op.positions));
    if (op.rotary_dim <= 0 || op.rotary_dim % 2 != 0 || op.rotary_dim > op.heads.head_dim) {
      fail("rope", fmt::format("rotates {} dims of a head of {}", op.rotary_dim, op.heads.head_dim));
    }
    return {qkv};
  }

  Types operator()(const Attention& op) const {
    const ValueType& qkv = type(op.qkv);
    packed("attention", qkv, op.heads);
    if (op.batch * op.seq != qkv.shape[0]) fail("attention", "batch x seq is not the number of tokens");
    if (op.starts.id != kNoValue) {
      per_token("attention", qkv, type(op.starts));
      if (!op.causal) fail("attention", "packed sub-sequences need a causal mask");
    }
    return {{{qkv.shape[0], op.heads.out_width()}, qkv.dtype, qkv.placement},
            {{qkv.shape[0], op.heads.heads}, DType::f32, qkv.placement}};
  }

  Types operator()(const AttentionBackward& op) const {
    packed("attention_backward", type(op.qkv), op.heads);
    same("attention_backward", type(op.dout), type(op.out));
    return {type(op.qkv)};
  }

  Types operator()(const SwiGlu& op) const {
    const ValueType& x = type(op.x);
    no_partial("swiglu", x);
    return {{{x.shape[0], x.shape[1] / 2}, x.dtype, x.placement}};
  }

  Types operator()(const SwiGluBackward& op) const {
    if (type(op.dy).placement != type(op.x).placement) fail("swiglu_backward", "dy and x lie differently");
    return {type(op.x)};
  }

  Types operator()(const Activate& op) const {
    no_partial("activate", type(op.x));
    return {type(op.x)};
  }

  Types operator()(const ActivateBackward& op) const {
    same("activate_backward", type(op.dy), type(op.x));
    return {type(op.x)};
  }

  Types operator()(const AdapterUp& op) const {
    const ValueType &base = type(op.base), &h = type(op.h), &b = type(op.b);
    no_partial("adapter_up", base);
    adapters("adapter_up", op.columns, base.shape[1], h.shape[1], b);
    Placements placement = per_axis([&](Axis axis) { return product("adapter_up", axis, h, 0, b, 0); });
    if (placement != base.placement || h.shape[0] != base.shape[0]) {
      fail("adapter_up", fmt::format("{} and {} do not lie as {}", to_string(h), to_string(b), to_string(base)));
    }
    return {base};
  }

  Types operator()(const AdapterUpBackward& op) const {
    return {adapter_input_grad("adapter_up_backward", type(op.dout), type(op.b), op.columns)};
  }

  Types operator()(const AdapterWeightGrad& op) const {
    return {adapter_weight_grad("adapter_weight_grad", type(op.dout), type(op.h), op.columns)};
  }

  Types operator()(const AdapterBackward& op) const {
    return {adapter_input_grad("adapter_backward", type(op.dout), type(op.b), op.columns),
            adapter_weight_grad("adapter_backward", type(op.dout), type(op.h), op.columns)};
  }

  Types operator()(const Quantize& op) const {
    ValueType q = type(op.x);
    no_partial("quantize", q);
    if ((q.placement[Axis::tp].is_split(0) && !op.of_weight) != op.amax_over_tp) {
      fail("quantize", "amax_over_tp must hold exactly where the rows are split over tp");
    }
    q.dtype = op.dtype;
    return {q, transposed(q), {{1}, DType::f32, per_axis([](Axis) { return kReplicated; })}};
  }

  Types operator()(const CastWeight& op) const {
    const ValueType& weight = type(op.weight);
    if (op.q.id != kNoValue && type(op.q).shape != weight.shape) fail("cast_weight", "q is not shaped as the weight");
    if (op.q_t.id != kNoValue && type(op.q_t).shape != transposed(weight).shape) {
      fail("cast_weight", "q_t is not shaped as the transposed weight");
    }
    return {};
  }

  Types operator()(const AllGather& op) const {
    ValueType out = type(op.x);
    if (!out.placement[op.axis].is_split(0)) fail("all_gather", op.axis, "the input is not split along dim 0");
    out.placement[op.axis] = kReplicated;
    out.shape.dims[0] *= program_.mesh.size[op.axis];
    return {out};
  }

  Types operator()(const ReduceScatter& op) const {
    ValueType out = type(op.x);
    if (!out.placement[op.axis].is_partial()) fail("reduce_scatter", op.axis, "the input is no partial sum");
    if (out.shape[0] % program_.mesh.size[op.axis] != 0) fail("reduce_scatter", "dim 0 does not divide");
    out.placement[op.axis] = split(0);
    out.shape.dims[0] /= program_.mesh.size[op.axis];
    return {out};
  }

  Types operator()(const AllReduce& op) const {
    ValueType out = type(op.x);
    if (!out.placement[op.axis].is_partial()) fail("all_reduce", op.axis, "the input is no partial sum");
    out.placement[op.axis] = kReplicated;
    return {out};
  }

  Types operator()(const CrossEntropy& op) const {
    const ValueType& logits = type(op.logits);
    no_partial("cross_entropy", logits);
    if (logits.placement[op.axis].is_split(0)) fail("cross_entropy", op.axis, "rows are split: " + to_string(logits));
    Placements rows = per_axis([&](Axis axis) { return axis == op.axis ? kReplicated : logits.placement[axis]; });
    Placements sum = per_axis([&](Axis axis) { return rows[axis].is_split(0) ? kPartial : rows[axis]; });
    return {{{1}, DType::f32, sum}, {{logits.shape[0]}, DType::f32, rows}};
  }

  Types operator()(const CrossEntropyBackward& op) const { return {type(op.logits)}; }

  Types operator()(const GatherShards& op) const {
    const std::size_t count = op.shards.size();
    if (count == 0 || (op.kept.empty() ? op.weights.size() != count : op.kept.size() != count || !op.weights.empty())) {
      fail("gather_shards", "not one result a weight");
    }
    Types whole;
    for (std::size_t i = 0; i < count; ++i) {
      const Value& weight = program_[op.shards[i].id];
      if (weight.state != StateKind::weight || !weight.sharded) fail("gather_shards", "a value that is no shard");
      if (op.kept.empty()) {
        whole.push_back(weight.type);
      } else if (type(op.kept[i]) != weight.type) {
        fail("gather_shards", "a weight and its whole copy differ");
      }
    }
    return whole;
  }

  Types operator()(const ScatterGrads& op) const {
    if (op.dws.size() != op.main_grads.size()) fail("scatter_grads", "not one main gradient a weight gradient");
    for (std::size_t i = 0; i < op.dws.size(); ++i) {
      grad_fits("scatter_grads", type(op.dws[i]), op.main_grads[i]);
      if (!program_[op.main_grads[i].id].sharded) fail("scatter_grads", "a main gradient that is no shard");
    }
    return bucket("scatter_grads", op.main_grads, StateKind::main_grad);
  }

  Types operator()(const GatherParams& op) const { return bucket("gather_params", op.weights, StateKind::weight); }
  Types operator()(const ReduceGrads& op) const { return bucket("reduce_grads", op.main_grads, StateKind::main_grad); }
  Types operator()(const ReduceSharedGrads& op) const {
    return bucket("reduce_shared_grads", op.main_grads, StateKind::main_grad);
  }
  Types operator()(const GradNorm& op) const { return bucket("grad_norm", op.main_grads, StateKind::main_grad); }
  Types operator()(const AdamW& op) const { return bucket("adamw", op.weights, StateKind::weight); }
  Types operator()(const ReducePartialGrads& op) const {
    for (InOut grad : op.main_grads) {
      if (!program_.type(grad.id).placement[op.axis].is_partial()) {
        fail("reduce_partial_grads", op.axis, "a main gradient is no partial sum");
      }
    }
    return bucket("reduce_partial_grads", op.main_grads, StateKind::main_grad);
  }

 private:
  const ValueType& type(In operand) const { return program_.type(operand.id); }
  const ValueType& type(InOut operand) const { return program_.type(operand.id); }

  [[noreturn]] static void fail(std::string_view op, std::string_view rule) {
    throw ProgramError(fmt::format("{}: {}", op, rule));
  }
  [[noreturn]] static void fail(std::string_view op, Axis axis, std::string_view rule) {
    throw ProgramError(fmt::format("{}: on axis {}: {}", op, name(axis), rule));
  }

  // An axis of one rank holds everything: whatever the rule says, the value is whole.
  template <class Rule>
  Placements per_axis(Rule rule) const {
    Placements placements;
    for (Axis axis : kAxes) placements[axis] = program_.mesh.size[axis] == 1 ? kReplicated : rule(axis);
    return placements;
  }

  void no_partial(std::string_view op, const ValueType& x) const {
    for (Axis axis : kAxes) {
      if (x.placement[axis].is_partial()) fail(op, axis, "the input is a partial sum: " + to_string(x));
    }
  }

  // FP8 products come out in BF16.
  static DType result_dtype(DType operand) { return size_bytes(operand) == 1 ? DType::bf16 : operand; }

  // One number per column, lying as the columns do, added to whole sums.
  void bias(std::string_view op, const ValueType& x, const ValueType& b) const {
    no_partial(op, x);
    if (b.shape != Shape{x.shape[1]}) fail(op, "the bias is not as wide as the rows");
    for (Axis axis : kAxes) {
      if (x.placement[axis].is_split(1) != b.placement[axis].is_split(0)) {
        fail(op, axis, fmt::format("the bias {} does not lie as the columns of {}", to_string(b), to_string(x)));
      }
    }
  }

  void rowwise(std::string_view op, const ValueType& x) const {
    no_partial(op, x);
    for (Axis axis : kAxes) {
      if (x.placement[axis].is_split(1)) fail(op, axis, "rows are split: " + to_string(x));
    }
  }

  void same(std::string_view op, const ValueType& a, const ValueType& b) const {
    if (a != b) fail(op, fmt::format("operands differ: {} and {}", to_string(a), to_string(b)));
  }

  void packed(std::string_view op, const ValueType& qkv, const Heads& heads) const {
    no_partial(op, qkv);
    if (qkv.shape[1] != heads.packed_width())
      fail(op, "the packed q|k|v is not as wide as the heads: " + to_string(qkv));
  }

  // One number for each row of `rows`, known to every rank that holds a part of that row.
  void per_token(std::string_view op, const ValueType& rows, const ValueType& numbers) const {
    if (numbers.shape != Shape{rows.shape[0]}) fail(op, "not one number a token: " + to_string(numbers));
    for (Axis axis : kAxes) {
      if (rows.placement[axis].is_split(0) != numbers.placement[axis].is_split(0)) {
        fail(op, axis, fmt::format("{} does not lie as the rows of {}", to_string(numbers), to_string(rows)));
      }
    }
  }

  static std::int64_t used(const AdapterColumns& columns) {
    return std::count_if(columns.begin(), columns.end(), [](const AdapterBlock& block) { return block.adapted; });
  }
  static std::int64_t whole(const AdapterColumns& columns) {
    std::int64_t sum = 0;
    for (const AdapterBlock& block : columns) sum += block.columns;
    return sum;
  }
  static std::int64_t adapted(const AdapterColumns& columns) {
    std::int64_t sum = 0;
    for (const AdapterBlock& block : columns) sum += block.adapted ? block.columns : 0;
    return sum;
  }

  void adapters(std::string_view op, const AdapterColumns& columns, std::int64_t width, std::int64_t h_width,
                const ValueType& b) const {
    if (whole(columns) != width) fail(op, "the blocks of columns are not those of the output");
    if (adapted(columns) != b.shape[0]) fail(op, "b has not a row for each column with an adapter");
    if (h_width != used(columns) * b.shape[1]) fail(op, "h is not as wide as the ranks of the adapters");
  }

  ValueType adapter_input_grad(std::string_view op, const ValueType& dout, const ValueType& b,
                               const AdapterColumns& columns) const {
    const std::int64_t width = b.shape[1] * used(columns);
    adapters(op, columns, dout.shape[1], width, b);
    Placements placement = per_axis([&](Axis axis) { return product(op, axis, dout, 0, b, 1); });
    return {{dout.shape[0], width}, dout.dtype, placement};
  }

  ValueType adapter_weight_grad(std::string_view op, const ValueType& dout, const ValueType& h,
                                const AdapterColumns& columns) const {
    const std::int64_t count = used(columns);
    if (dout.shape[0] != h.shape[0] || count == 0 || h.shape[1] % count != 0 || whole(columns) != dout.shape[1]) {
      fail(op, fmt::format("{} and {} do not go together", to_string(dout), to_string(h)));
    }
    Placements placement = per_axis([&](Axis axis) { return product(op, axis, dout, 1, h, 1); });
    return {{adapted(columns), h.shape[1] / count}, dout.dtype, placement};
  }

  // a b^T, or a b.
  ValueType matmul(std::string_view op, const ValueType& a, const ValueType& b, bool transpose_b) const {
    const int b_inner = transpose_b ? 1 : 0, b_outer = 1 - b_inner;
    if (a.shape[1] != b.shape[b_inner]) {
      fail(op, fmt::format("inner dims differ: {} and {}", to_string(a), to_string(b)));
    }
    if (size_bytes(a.dtype) != size_bytes(b.dtype)) fail(op, "operands of different precision");
    Placements placement = per_axis([&](Axis axis) { return product(op, axis, a, 0, b, b_outer); });
    return {{a.shape[0], b.shape[b_outer]}, result_dtype(a.dtype), placement};
  }

  ValueType transposed(ValueType t) const {
    std::swap(t.shape.dims[0], t.shape.dims[1]);
    for (Placement& placement : t.placement.of) {
      if (placement.is_split()) placement = split(1 - placement.dim);
    }
    return t;
  }

  // out(i, j) = sum over k of a(i, k) b(j, k): where the result lies, given which dims of a and b are the outer ones.
  Placement product(std::string_view op, Axis axis, const ValueType& a, int a_outer, const ValueType& b,
                    int b_outer) const {
    const Placement &pa = a.placement[axis], &pb = b.placement[axis];
    if (pa.is_replicated() && pb.is_replicated()) return kReplicated;
    if (pa.is_split(a_outer) && pb.is_replicated()) return split(0);
    if (pa.is_replicated() && pb.is_split(b_outer)) return split(1);
    if (pa.is_split(1 - a_outer) && pb.is_split(1 - b_outer)) return kPartial;
    fail(op, axis, fmt::format("{} and {} do not go together", to_string(a), to_string(b)));
  }

  ValueType weight_grad(std::string_view op, In dy, In x, bool is_transposed) const {
    ValueType left = is_transposed ? transposed(type(dy)) : type(dy);
    ValueType right = is_transposed ? transposed(type(x)) : type(x);
    if (left.shape[0] != right.shape[0]) {
      fail(op, fmt::format("token counts differ: {} and {}", to_string(left), to_string(right)));
    }
    Placements placement = per_axis([&](Axis axis) { return product(op, axis, left, 1, right, 1); });
    return {{left.shape[1], right.shape[1]}, result_dtype(left.dtype), placement};
  }

  void grad_fits(std::string_view op, const ValueType& dw, InOut main_grad) const {
    const Value& state = program_[main_grad.id];
    if (state.state != StateKind::main_grad) fail(op, "the target is no main gradient");
    if (dw.shape != state.type.shape) {
      fail(op, fmt::format("{} does not fit {}", to_string(dw), to_string(state.type)));
    }
    if (dw.placement != state.type.placement) {
      fail(op, fmt::format("{} lies otherwise than the main gradient {}", to_string(dw), to_string(state.type)));
    }
  }

  Types bucket(std::string_view op, const InOutList& list, StateKind kind) const {
    if (list.empty()) fail(op, "an empty list of states");
    for (InOut state : list) {
      if (program_[state.id].state != kind) fail(op, "a state of another kind");
    }
    return {};
  }

  const Program& program_;
};

// These take every state for itself.
bool takes_states_apart(const Op& op) {
  return std::holds_alternative<GradNorm>(op) || std::holds_alternative<AdamW>(op);
}

void require_one_view(const Op& op, const Program& program) {
  std::array<ValueId, kViews.size()> first{kNoValue, kNoValue};  // operand that names an axis of each view
  for (const Operand& operand : collect(op)) {
    if (takes_states_apart(op)) first.fill(kNoValue);
    for (const View view : kViews) {
      ValueId& own = first[static_cast<std::size_t>(view)];
      if (own == kNoValue && names_axis_of(view, program.type(operand.id).placement)) own = operand.id;
    }
    if (first[0] == kNoValue || first[1] == kNoValue) continue;
    throw ProgramError(fmt::format("{}: {} and {} lie on axes of two views of the ranks", name(op),
                                   label(program, first[0]), label(program, first[1])));
  }
}

}  // namespace

std::vector<ValueType> infer(const Op& op, const Program& program) {
  require_one_view(op, program);
  return std::visit(Infer(program), op);
}

std::string label(const Program& program, ValueId id) {
  const Value& value = program[id];
  const std::string where = value.layer < 0 ? "" : fmt::format("layer {} ", value.layer);
  return fmt::format("{}{} {}", where, value.name, to_string(value.type));
}

}  // namespace perfbench
