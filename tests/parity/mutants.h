// Programs with one fault each: the faults that a wrong builder, pass or schedule could make.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "program/operands.h"
#include "program/plan.h"

namespace perfbench {

struct Mutant {
  std::string kind;   // "accumulate: removed"
  std::string where;  // chunk kind, phase, number of the node
  Plan plan;
  bool runs = false;  // the engine can try it: every value that is read is still made
};

// The lists of entries of the ops that write states.
inline std::vector<InOutList*> entries(Op& op) {
  if (auto* reduce = std::get_if<ReduceGrads>(&op)) return {&reduce->main_grads};
  if (auto* shares = std::get_if<ReduceShares>(&op)) return {&shares->main_grads};
  if (auto* partial = std::get_if<ReducePartialGrads>(&op)) return {&partial->main_grads};
  if (auto* shared = std::get_if<ReduceSharedGrads>(&op)) return {&shared->main_grads};
  if (auto* gather = std::get_if<GatherParams>(&op)) return {&gather->weights};
  if (auto* norm = std::get_if<GradNorm>(&op)) return {&norm->main_grads};
  if (auto* scatter = std::get_if<ScatterGrads>(&op)) return {&scatter->main_grads};
  if (auto* adamw = std::get_if<AdamW>(&op)) return {&adamw->weights, &adamw->main_grads};
  return {};
}

inline bool writes_states_only(const Op& op) {
  for (const Operand& operand : collect(op)) {
    if (operand.use == Use::out) return false;
  }
  return true;
}

class Mutants {
 public:
  explicit Mutants(const Plan& right) : right_(right) {}

  std::vector<Mutant> all() {
    for (std::size_t kind = 0; kind < right_.kinds.size(); ++kind) {
      for (const auto& [phase, nodes] : phases()) {
        const std::size_t count = (right_.kinds[kind].*nodes).size();
        for (std::size_t node = 0; node < count; ++node) at({kind, phase, nodes, node});
      }
    }
    return std::move(list_);
  }

 private:
  using Nodes = std::vector<Node> Program::*;
  struct Place {
    std::size_t kind = 0;
    const char* phase = "";
    Nodes nodes = nullptr;
    std::size_t node = 0;
  };

  static std::vector<std::pair<const char*, Nodes>> phases() {
    return {{"forward", &Program::forward}, {"backward", &Program::backward}, {"optimizer", &Program::optimizer}};
  }

  // The change gets the Program and its list of nodes.
  void add(const Place& place, const std::string& what, bool runs,
           const std::function<void(Program&, std::vector<Node>&)>& change) {
    const Program& right = right_.kinds[place.kind];
    const std::string op(name((right.*place.nodes)[place.node].op));
    Mutant mutant{
        .kind = op + ": " + what,
        .where = "chunk kind " + std::to_string(place.kind) + " " + place.phase + " node " + std::to_string(place.node),
        .plan = right_,
        .runs = runs};
    Program& program = mutant.plan.kinds[place.kind];
    change(program, program.*place.nodes);
    list_.push_back(std::move(mutant));
  }

  void at(const Place& place) {
    const Node& node = (right_.kinds[place.kind].*place.nodes)[place.node];
    const bool runs = writes_states_only(node.op);
    const auto index = static_cast<std::ptrdiff_t>(place.node);
    add(place, "removed", runs, [&](Program&, std::vector<Node>& nodes) { nodes.erase(nodes.begin() + index); });
    add(place, "doubled", runs, [&](Program&, std::vector<Node>& nodes) {
      const Node twice = nodes[place.node];
      nodes.insert(nodes.begin() + index, twice);
    });
    for (const When when : {When::always, When::first_microbatch, When::last_microbatch}) {
      if (when == node.when) continue;
      // The engine runs the optimizer's nodes once, whatever they say.
      const bool matters = runs && place.nodes != &Program::optimizer;
      add(place, "at another time", matters,
          [&](Program&, std::vector<Node>& nodes) { nodes[place.node].when = when; });
    }
    each_entry(place, node);
    collectives(place, node);
    rows_of_experts(place, node);
    counts_of_experts(place, node);
    packed_attention(place, node);
    copied_rows(place, node);
  }

  void each_entry(const Place& place, const Node& node) {
    Op op = node.op;
    const std::vector<InOutList*> lists = entries(op);
    if (lists.empty() || lists.front()->size() < 2) return;
    // Buckets are laid out by the entries of reduce_grads: the engine has nothing to try with others.
    const bool runs = std::holds_alternative<ReducePartialGrads>(op);
    for (std::size_t entry = 0; entry < lists.front()->size(); ++entry) {
      const auto index = static_cast<std::ptrdiff_t>(entry);
      add(place, "an entry removed", runs, [&](Program&, std::vector<Node>& nodes) {
        for (InOutList* list : entries(nodes[place.node].op)) list->erase(list->begin() + index);
      });
      add(place, "an entry doubled", runs, [&](Program&, std::vector<Node>& nodes) {
        for (InOutList* list : entries(nodes[place.node].op)) list->push_back((*list)[entry]);
      });
    }
  }

  // Collectives of activations: readers take what goes in, or what comes out of a second one.
  void collectives(const Place& place, const Node& node) {
    std::visit(
        [&]<class OpType>(const OpType& op) {
          constexpr bool kCollective = std::is_same_v<OpType, AllGather> || std::is_same_v<OpType, ReduceScatter> ||
                                       std::is_same_v<OpType, AllReduce>;
          if constexpr (kCollective) {
            // Identity instead of a sum: all types but one placement still fit, so the engine can run it.
            const bool same_shape = std::is_same_v<OpType, AllReduce>;
            add(place, "bypassed", same_shape,
                [&](Program& program, std::vector<Node>&) { rewire(program, op.out.id, op.x.id); });
            add(place, "applied twice", same_shape, [&](Program& program, std::vector<Node>& nodes) {
              const auto again = static_cast<ValueId>(program.values.size());
              program.values.push_back(program[op.out.id]);
              rewire(program, op.out.id, again);
              OpType second = op;
              second.x.id = op.out.id;
              second.out.id = again;
              nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(place.node) + 1,
                           {.op = second, .when = node.when, .layer = node.layer});
            });
            for (const Axis axis : {Axis::tp, Axis::dp}) {
              if (axis == op.axis) continue;
              add(place, "over another axis", same_shape,
                  [&](Program&, std::vector<Node>& nodes) { std::get<OpType>(nodes[place.node].op).axis = axis; });
            }
          }
        },
        node.op);
  }

  // What carries rows to their experts and back: readers take what goes in, or what comes out of a second one, or of
  // one that goes the other way.
  void rows_of_experts(const Place& place, const Node& node) {
    std::visit(
        [&]<class OpType>(const OpType& op) {
          if constexpr (std::is_same_v<OpType, AllToAll> || std::is_same_v<OpType, Regroup>) {
            const bool weighed = op.weights.id != kNoValue;
            add(place, "bypassed", false, [&](Program& program, std::vector<Node>&) {
              rewire(program, op.out.id, op.x.id);
              if (weighed) rewire(program, op.out_weights.id, op.weights.id);
            });
            add(place, "applied twice", false, [&](Program& program, std::vector<Node>& nodes) {
              const auto again = [&](Out out) {
                const auto id = static_cast<ValueId>(program.values.size());
                program.values.push_back(program[out.id]);
                rewire(program, out.id, id);
                return Out{id};
              };
              OpType second = op;
              second.out = again(op.out);
              second.x.id = op.out.id;
              if (weighed) second.out_weights = again(op.out_weights);
              if (weighed) second.weights.id = op.out_weights.id;
              nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(place.node) + 1,
                           {.op = second, .when = node.when, .layer = node.layer});
            });
            add(place, "the other way", false,
                [&](Program&, std::vector<Node>& nodes) { std::get<OpType>(nodes[place.node].op).back = !op.back; });
          }
        },
        node.op);
  }

  void counts_of_experts(const Place& place, const Node& node) {
    std::visit(
        [&]<class OpType>(const OpType& op) {
          if constexpr (requires { In(op.counts); } && !std::is_same_v<OpType, ShareCounts>) {
            if (op.counts.id == kNoValue) return;
            add(place, "counts forgotten", false,
                [&](Program&, std::vector<Node>& nodes) { std::get<OpType>(nodes[place.node].op).counts = {}; });
          }
        },
        node.op);
  }

  void packed_attention(const Place& place, const Node& node) {
    std::visit(
        [&]<class OpType>(const OpType& op) {
          if constexpr (requires { op.starts; }) {
            if (op.starts.id == kNoValue) return;
            add(place, "sub-sequences forgotten", true,
                [&](Program&, std::vector<Node>& nodes) { std::get<OpType>(nodes[place.node].op).starts = {}; });
          }
        },
        node.op);
  }

  void copied_rows(const Place& place, const Node& node) {
    const auto* op = std::get_if<ReduceCopiedRows>(&node.op);
    if (op == nullptr) return;
    const auto rows = [&](const std::string& what, std::int64_t first, std::int64_t count) {
      add(place, what, true, [&](Program&, std::vector<Node>& nodes) {
        auto& other = std::get<ReduceCopiedRows>(nodes[place.node].op);
        other.first_row = first;
        other.rows = count;
      });
    };
    rows("without the first row", op->first_row + 1, op->rows - 1);
    rows("with a row before", op->first_row - 1, op->rows + 1);
    rows("other rows", 0, op->rows);
  }

  // Whoever reads `from` reads `to`.
  static void rewire(Program& program, ValueId from, ValueId to) {
    for (const auto& [phase, nodes] : phases()) {
      for (Node& node : program.*nodes) {
        rename(node.op, [&](const Operand& o) { return o.use == Use::in && o.id == from ? to : o.id; });
      }
    }
    for (ValueId* end : {&program.output, &program.grad_input}) {
      if (*end == from) *end = to;
    }
  }

  const Plan& right_;
  std::vector<Mutant> list_;
};

}  // namespace perfbench
