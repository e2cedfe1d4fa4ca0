// Experts: a token goes to the k that its gate chooses, is computed by each, and comes back as the weighted sum.
// Letters: T local rows of the stream, H hidden, E experts, k of them a token, e on one rank, S ranks whose tokens meet
// (ep x etp), R rows of this rank's experts, F expert width.
#include <algorithm>
#include <cmath>

#include "models/blocks.h"
#include "models/missing.h"
#include "models/pieces.h"

namespace perfbench {
namespace {

constexpr const char *kGateUp = "experts_gate_up", *kDown = "experts_down";

struct Chosen {
  ValueId experts = kNoValue, weights = kNoValue;  // (T, k) int64, (T, k) float32
};

// Rows on their way, and how many each rank has for each expert.
struct Rows {
  ValueId rows = kNoValue, weights = kNoValue;  // (R, H), (R) float32
  ValueId counts = kNoValue;                    // (S, E); absent where every expert has a capacity
};

class ExpertMlp {
 public:
  ExpertMlp(const Moe& moe, const BlockContext& context, std::int64_t tokens)
      : moe_(moe), context_(context), build_(context.build), mesh_(context.build.program().mesh), tokens_(tokens) {}

  ValueId run(ValueId x) {
    const Chosen chosen = choose(x);
    const PlaceRows placed = place(chosen);
    const Permute sent = build_.emit(
        Permute{.x = {x}, .places = {placed.places.id}, .weights = {chosen.weights}, .num_rows = num_rows()},
        {"rows", "row_weights"});
    const Rows here = dispatch({.rows = sent.rows.id, .weights = sent.row_weights.id, .counts = share(placed)});
    const ValueId back = combine(compute(here), here.counts);
    return build_.emit(Unpermute{.rows = {back}, .places = {placed.places.id}}, {"mlp_out", nullptr}).y.id;
  }

 private:
  int size(Axis axis) const { return mesh_.size[axis]; }
  std::int64_t local_experts() const { return moe_.experts / size(Axis::ep); }
  bool regroups() const { return local_experts() > 1 && size(Axis::ep) * size(Axis::etp) > 1; }

  // Of each expert, where it has a capacity: what a balanced gate would give it, and the factor.
  std::int64_t capacity() const {
    const double rows = static_cast<double>(tokens_ * moe_.top_k) / moe_.experts;
    return static_cast<std::int64_t>(std::ceil(rows * build_.policy().expert_capacity));
  }
  std::int64_t num_rows() const { return capacity() > 0 ? capacity() * moe_.experts : tokens_ * moe_.top_k; }

  // Where no router chooses, choices and weights are data of the step.
  Chosen choose(ValueId x) {
    const Gate gate = build_.policy().gate;
    if (gate == Gate::balanced || gate == Gate::given) {
      return {.experts = build_.data(Datum::choice, {tokens_, moe_.top_k}),
              .weights = build_.data(Datum::gate_weight, {tokens_, moe_.top_k})};
    }
    const LinearSpec router = linears(context_.job.model.hidden, moe_).front();
    const Linear linear = linear_of(context_, {.weight = "router"}, std::span(&router, 1));
    const ValueId weight = build_.weight("router", {moe_.experts, router.in.size}, kReplicated, linear.weight);
    Route op{.logits = {build_.emit(Matmul{.a = {x}, .b = {weight}}, {"logits"}).out.id}};
    if (gate == Gate::random) op.numbers = {build_.data(Datum::token_number, {tokens_})};
    op.top_k = moe_.top_k;
    op.normalised = moe_.normalised;
    op.salt = build_.layer();
    op = build_.emit(op, {"choices", "gate_weights"});
    return {.experts = op.choices.id, .weights = op.weights.id};
  }

  PlaceRows place(const Chosen& chosen) {
    PlaceRows op{.choices = {chosen.experts}, .experts = moe_.experts, .capacity = capacity()};
    if (op.capacity > 0) op.weights = {chosen.weights};
    return build_.emit(op, {"places", op.capacity > 0 ? nullptr : "counts"});
  }

  ValueId share(const PlaceRows& placed) {
    if (placed.counts.id == kNoValue) return kNoValue;
    return build_.emit(ShareCounts{.counts = {placed.counts.id}}, {"all_counts"}).all.id;
  }

  AllToAll all_to_all(const Rows& rows, bool back) const {
    return {.x = {rows.rows},
            .weights = {rows.weights},
            .counts = {rows.counts},
            .back = back,
            .dispatcher = build_.policy().dispatcher,
            .gate = build_.policy().gate,
            .experts = moe_.experts,
            .top_k = moe_.top_k};
  }

  Regroup regroup(const Rows& rows, bool back) const {
    return {.x = {rows.rows},
            .weights = {rows.weights},
            .counts = {rows.counts},
            .back = back,
            .sources = std::int64_t{size(Axis::ep)} * size(Axis::etp),
            .experts = local_experts()};
  }

  ValueId gather(ValueId x, ValueId counts, const char* name) {
    return build_.emit(AllGather{.x = {x}, .counts = {counts}, .axis = Axis::etp}, {name}).out.id;
  }

  Rows dispatch(Rows rows) {
    const AllToAll sent = build_.emit(all_to_all(rows, false), {"rows", "row_weights"});
    rows.rows = sent.out.id;
    rows.weights = sent.out_weights.id;
    if (size(Axis::etp) > 1) {
      rows.rows = gather(rows.rows, rows.counts, "rows");
      rows.weights = gather(rows.weights, rows.counts, "row_weights");
    }
    if (!regroups()) return rows;
    const Regroup sorted = build_.emit(regroup(rows, false), {"rows", "row_weights"});
    return {.rows = sorted.out.id, .weights = sorted.out_weights.id, .counts = rows.counts};
  }

  Linear linear(const char* name, std::span<const LinearSpec> parts) const {
    Linear linear{.name = name};
    for (const LinearSpec& part : parts) {
      std::string tensor = layer_module(context_.names, part.module) + ".weight";
      linear.weight.push_back(output_rows(std::move(tensor), part, size(Axis::etp)));
    }
    return linear;
  }

  // (R, H) -> (R, H), partial over etp.
  ValueId compute(const Rows& rows) {
    const std::int64_t hidden = context_.job.model.hidden, width = moe_.ffn / size(Axis::etp), e = local_experts();
    const std::vector<LinearSpec> list = linears(hidden, moe_);  // router, gate, up, down, shared experts
    const std::span<const LinearSpec> parts = std::span(list).subspan(1, 3);
    const ValueId up = build_.expert_linear(rows.rows, linear(kGateUp, parts.first(2)), {e, 2 * width, hidden}, 1,
                                            rows.counts, "gate_up");  // (R, 2 F)
    return build_.expert_linear(activated(up, rows.weights), linear(kDown, parts.last(1)), {e, hidden, width}, 2,
                                rows.counts, "expert_out");
  }

  // A row's weight multiplies here, so that the rows themselves need not be kept for its gradient.
  ValueId activated(ValueId up, ValueId weights) {
    const OpenModule module = build_.module(Module::moe_act);
    return build_.emit(SwiGlu{.x = {up}, .weights = {weights}}, {"act"}).y.id;
  }

  ValueId combine(ValueId out, ValueId counts) {
    if (regroups()) out = build_.emit(regroup({.rows = out, .counts = counts}, true), {"expert_out", nullptr}).out.id;
    if (size(Axis::etp) > 1) {
      const ReduceScatter op{.x = {out}, .counts = {counts}, .axis = Axis::etp};
      out = build_.emit(op, {"expert_out"}).out.id;
    }
    return build_.emit(all_to_all({.rows = out, .counts = counts}, true), {"expert_out", nullptr}).out.id;
  }

  const Moe& moe_;
  const BlockContext& context_;
  Builder& build_;
  const Mesh& mesh_;
  std::int64_t tokens_;
};

bool adapts_experts(const Moe& moe, const Job& job) {
  if (!job.lora) return false;
  return std::ranges::any_of(linears(job.model.hidden, moe), [&](const LinearSpec& linear) {
    return std::ranges::find(job.lora->targets, linear.target()) != job.lora->targets.end();
  });
}

}  // namespace

std::optional<Missing> missing(const Moe& moe, const Job& job) {
  const std::string of_model = " (" + job.model.name + ")";
  if (moe.shared) return Missing{"shared experts", "experts that every token goes to" + of_model};
  if (moe.bias) return Missing{"expert bias", "experts with a bias" + of_model};
  if (!moe.gated || moe.activation != Activation::silu) {
    return Missing{"expert activation", "experts with another activation than a gated silu" + of_model};
  }
  if (adapts_experts(moe, job)) return Missing{"lora", "adapters beside experts" + of_model};
  return std::nullopt;
}

ValueId build(const Moe& moe, ValueId x, const BlockContext& context) {
  return ExpertMlp(moe, context, context.build.program().type(x).shape[0]).run(x);
}

}  // namespace perfbench
