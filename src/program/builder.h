// Writes one rank's ops with local shapes. The helpers own the collectives: a block never names one.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "program/infer.h"
#include "program/policy.h"
#include "program/program.h"

namespace perfbench {

enum class Phase : std::uint8_t { forward, backward };

// Low-rank adapters beside one linear layer, one for each adapted block of its output: y += scale B A x.
struct Adapters {
  const char *a_name = "", *b_name = "", *h_name = "";  // of the two weights, and of A x between them
  std::int64_t rank = 0;                                // 0: no adapters
  double scale = 1.0;                                   // alpha / rank
  AdapterColumns columns{};
  Pieces a{}, b{};  // (rank, K) and (columns, rank) of each adapter, one below the other
  std::int64_t a_rows() const;
  std::int64_t b_rows() const;
};

// The weights of one linear layer.
struct Linear {
  const char* name = "";
  Pieces weight{};
  const char* bias_name = nullptr;  // nullptr: no bias
  Pieces bias{};
  Adapters adapters{};
};

// Sets a builder's scope for as long as it lives.
class OpenModule {
 public:
  OpenModule(int& current, int inner) : current_(current), outer_(current) { current_ = inner; }
  ~OpenModule() { current_ = outer_; }
  OpenModule(const OpenModule&) = delete;
  OpenModule& operator=(const OpenModule&) = delete;

 private:
  int& current_;
  int outer_;
};

class Builder {
 public:
  Builder(Program& program, const Policy& policy, Phase phase = Phase::forward)
      : program_(program), policy_(policy), phase_(phase) {}

  const Policy& policy() const { return policy_; }
  const Program& program() const { return program_; }
  void enter_layer(int layer) { layer_ = layer; }  // -1: outside the layers
  int layer() const { return layer_; }

  // Ops that are emitted while the result lives are part of the module, and of those around it.
  [[nodiscard]] OpenModule module(Module module) {
    program_.scopes.push_back({.module = module, .outer = scope_});
    return OpenModule(scope_, static_cast<int>(program_.scopes.size()) - 1);
  }

  // Appends an op. Its Out operands become new values with the given names, in the order of its operands(); a nullptr
  // leaves an optional output out. Throws ProgramError when the inputs do not fit.
  template <class OpType>
  OpType emit(OpType op, std::initializer_list<const char*> outs, When when = When::always);

  ValueId add(Value value);
  // The value that is the datum, made when it is first asked for: a chunk has one of each. `shape` is local. Throws
  // ProgramError when it was asked for with another shape.
  ValueId data(Datum datum, Shape shape);
  ValueId boundary(const char* name, Shape shape);  // a stream value, or its gradient, from a neighbouring chunk
  ValueId weight(const char* name, Shape shape, Placement over_tp, const Pieces& pieces);

  // (T, K) -> (T, N) with N split over tp; `x` is a stream value. `features` is the local N.
  ValueId column_linear(ValueId x, const Linear& linear, std::int64_t features, const char* out_name);
  // (T, K) with K split over tp -> a stream value (T, H). The bias is added once, to the whole sum.
  ValueId row_linear(ValueId x, const Linear& linear, std::int64_t features, const char* out_name);

  // Rows of experts (R, K) -> (R, N), each by its expert's own weight, (experts, N, K) of this rank, whose dim
  // `split_dim` is split over etp. Without `counts` all experts have as many rows.
  ValueId expert_linear(ValueId rows, const Linear& linear, Shape weight, int split_dim, ValueId counts,
                        const char* out_name);

  // The stream between blocks is split over tp along tokens under sequence parallelism, else replicated.
  ValueId gather_seq(ValueId x);                           // a whole copy on every tp rank
  ValueId scatter_seq(ValueId partial, const char* name);  // partial sums over tp become a stream value

 private:
  struct Operand8 {
    ValueId value = kNoValue, scale = kNoValue;  // scale: absent where the value is not FP8
  };
  PerAxis<Placement> stream_placement() const;
  Operand8 quantize_input(ValueId x, bool with_transpose);
  ValueId weight_of(View view, const char* name, Shape shape, const PerAxis<Placement>& placement,
                    const Pieces& pieces);
  // The second operand of a linear's product: the weight, or its copy in FP8. (N, K)
  Operand8 linear_weight(const Linear& linear, Shape shape, Placement over_tp);
  Operand8 product_weight(ValueId weight);  // the same of a weight that is made
  // A weight of an adapter: trained, and in the dtype of the activations whatever the precision of its linear.
  ValueId adapter_weight(const char* name, Shape shape, Placement over_tp, const Pieces& pieces);
  // A x, of which every rank has its own rows or all: what is gathered is as narrow as the rank.
  ValueId column_adapters(ValueId x, ValueId base, const Adapters& adapters, const char* out_name);
  // A x of the columns that this rank has of x is a partial sum, completed as the linear's own.
  ValueId row_adapters(ValueId x, ValueId base, const Adapters& adapters, const char* out_name);

  Program& program_;
  const Policy& policy_;
  Phase phase_;
  int layer_ = -1;
  int scope_ = -1;
};

template <class OpType>
OpType Builder::emit(OpType op, std::initializer_list<const char*> outs, When when) {
  const std::vector<ValueType> types = infer(Op(op), program_);
  std::size_t next = 0;
  each_operand(op, [&](std::string_view, auto& operand) {
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(operand)>, Out>) {
      if (const char* name = outs.begin()[next]) {
        const Role role = phase_ == Phase::forward ? Role::activation : Role::gradient;
        operand.id = add({.name = name, .layer = layer_, .role = role, .type = types[next]});
      }
      ++next;
    }
  });
  auto& nodes = phase_ == Phase::forward ? program_.forward : program_.backward;
  nodes.push_back({.op = op, .when = when, .layer = layer_, .scope = scope_});
  return op;
}

}  // namespace perfbench
