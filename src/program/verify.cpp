#include "program/verify.h"

#include <fmt/format.h>

#include <map>

#include "program/infer.h"
#include "program/operands.h"
#include "program/verify_copied_rows.h"
#include "program/verify_data.h"
#include "program/verify_rows.h"
#include "program/verify_shards.h"
#include "program/verify_updates.h"

namespace perfbench {
namespace {

// Weights come once a step, before they are read; sums leave once, when they are complete.
struct WantedWhen {
  When operator()(const OfClass<OpClass::product, OpClass::attention, OpClass::bytes, OpClass::state> auto&) const {
    return When::always;
  }
  When operator()(const CastWeight&) const { return When::first_microbatch; }
  When operator()(const AllGather&) const { return When::always; }
  When operator()(const ReduceScatter&) const { return When::always; }
  When operator()(const AllReduce&) const { return When::always; }
  When operator()(const ShareCounts&) const { return When::always; }
  When operator()(const AllToAll&) const { return When::always; }
  When operator()(const GatherParams&) const { return When::first_microbatch; }
  When operator()(const GatherShards& op) const { return op.kept.empty() ? When::always : When::first_microbatch; }
  When operator()(const ScatterGrads&) const { return When::always; }
  When operator()(const ReduceGrads&) const { return When::last_microbatch; }
  When operator()(const ReduceShares&) const { return When::last_microbatch; }
  When operator()(const ReducePartialGrads&) const { return When::last_microbatch; }
  When operator()(const ReduceCopiedRows& op) const {
    return op.main_grad.id == kNoValue ? When::always : When::last_microbatch;
  }
  When operator()(const ReduceSharedGrads&) const { return When::always; }
};

// A stack may cast what nobody changes with every microbatch.
bool recasts_frozen(const Node& node, const Program& program) {
  const auto* cast = std::get_if<CastWeight>(&node.op);
  if (cast == nullptr || node.when != When::always) return false;
  const Value& read = program[cast->weight.id];
  const Value& weight = read.state == StateKind::gathered ? program[read.weight] : read;
  return !weight.trainable;
}

void check_when(const Node& node, const Program& program) {
  const When wanted = std::visit(WantedWhen{}, node.op);
  if (node.when == wanted || recasts_frozen(node, program)) return;
  const char* rule = wanted == When::always             ? "should run with every microbatch"
                     : wanted == When::first_microbatch ? "should run with the first microbatch alone"
                                                        : "runs before the last microbatch";
  throw ProgramError(fmt::format("{}: {}", name(node.op), rule));
}

// Who may touch the share of a weight or of a main gradient: what moves shares, the optimizer, and the gradient of an
// embedding, which takes nothing but the shape.
struct TouchesShares {
  bool operator()(const OfClass<OpClass::product, OpClass::attention, OpClass::bytes> auto&) const { return false; }
  bool operator()(const EmbeddingBackward&) const { return true; }
  bool operator()(const OfClass<OpClass::state> auto&) const { return true; }
  bool operator()(const AllGather&) const { return false; }
  bool operator()(const ReduceScatter&) const { return false; }
  bool operator()(const AllReduce&) const { return false; }
  bool operator()(const ShareCounts&) const { return false; }
  bool operator()(const AllToAll&) const { return false; }
  bool operator()(const GatherParams&) const { return false; }
  bool operator()(const GatherShards&) const { return true; }
  bool operator()(const ScatterGrads&) const { return true; }
  bool operator()(const ReduceGrads&) const { return false; }
  bool operator()(const ReduceShares&) const { return true; }
  bool operator()(const ReducePartialGrads&) const { return false; }
  bool operator()(const ReduceCopiedRows&) const { return false; }
  bool operator()(const ReduceSharedGrads&) const { return true; }
};

class Verify {
 public:
  explicit Verify(const Program& program) : program_(program), defined_(program.values.size(), false) {
    for (std::size_t i = 0; i < program.values.size(); ++i) {
      const Role role = program.values[i].role;
      defined_[i] = role == Role::state || role == Role::data || role == Role::boundary;
    }
  }

  void run() {
    for (const auto* nodes : {&program_.forward, &program_.backward, &program_.optimizer}) {
      for (const Node& node : *nodes) check_node(node);
    }
    border("output", program_.output);
    border("grad_input", program_.grad_input);
    matches("input", program_.input, "grad_input", program_.grad_input);
    matches("output", program_.output, "grad_output", program_.grad_output);
    main_grads();
    shared_grads();
    verify_data(program_);
    verify_rows(program_);
    verify_updates(program_);
    verify_copied_rows(program_);
    verify_shards(program_);
  }

 private:
  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

  std::string label(ValueId id) const { return perfbench::label(program_, id); }

  void check_node(const Node& node) {
    check_when(node, program_);
    const std::string_view op = name(node.op);
    std::vector<ValueId> outs;
    check_after(node);
    for (const Operand& operand : collect(node.op)) {
      if (operand.id < 0 || at(operand.id) >= program_.values.size()) {
        throw ProgramError(
            fmt::format("{}: its operand {} is no value of the Program", op, operand_name(node.op, operand.id)));
      }
      if (operand.use == Use::out) {
        if (defined_[at(operand.id)]) throw ProgramError(fmt::format("{}: {} is made twice", op, label(operand.id)));
        outs.push_back(operand.id);
        continue;
      }
      if (!defined_[at(operand.id)]) {
        throw ProgramError(fmt::format("{}: {} is read before it is made", op, label(operand.id)));
      }
      if (operand.use == Use::inout && program_[operand.id].role != Role::state) {
        throw ProgramError(fmt::format("{}: {} is updated and no state", op, label(operand.id)));
      }
      if (program_[operand.id].sharded && !std::visit(TouchesShares{}, node.op)) {
        throw ProgramError(fmt::format("{}: takes {} as if it were whole", op, label(operand.id)));
      }
    }
    check_types(node.op);
    for (ValueId id : outs) defined_[at(id)] = true;
  }

  void check_after(const Node& node) const {
    if (node.after == kNoValue) return;
    if (node.after < 0 || at(node.after) >= program_.values.size()) {
      throw ProgramError(fmt::format("{}: waits for no value of the Program", name(node.op)));
    }
    if (!defined_[at(node.after)]) {
      throw ProgramError(fmt::format("{}: waits for {}, which is made later", name(node.op), label(node.after)));
    }
  }

  // The declared type of each output is the derived one.
  void check_types(const Op& op) const {
    const std::vector<ValueType> derived = infer(op, program_);
    const std::vector<ValueId> declared = results(op);
    if (declared.size() != derived.size()) throw ProgramError(fmt::format("{}: outputs are missing", name(op)));
    for (std::size_t i = 0; i < declared.size(); ++i) {
      if (declared[i] == kNoValue || program_.type(declared[i]) == derived[i]) continue;
      throw ProgramError(fmt::format("{}: {} should be {}", name(op), label(declared[i]), to_string(derived[i])));
    }
  }

  void border(std::string_view what, ValueId id) const {
    if (id == kNoValue) return;
    if (!defined_[at(id)]) throw ProgramError(fmt::format("{}: {} is never made", what, label(id)));
    for (Axis axis : kAxes) {
      if (program_.type(id).placement[axis].is_partial()) {
        throw ProgramError(
            fmt::format("{}: {} leaves the chunk as a partial sum over {}", what, label(id), name(axis)));
      }
    }
  }

  void matches(std::string_view value, ValueId id, std::string_view gradient, ValueId gradient_id) const {
    if (id == kNoValue || gradient_id == kNoValue) return;
    if (program_.type(id) != program_.type(gradient_id)) {
      throw ProgramError(fmt::format("{}: {} does not lie as {} {}", gradient, label(gradient_id), value, label(id)));
    }
  }

  // How often each main gradient is reduced, by axis. A sum is reduced once it is complete: after its last writer.
  std::map<ValueId, PerAxis<int>> reductions() const {
    std::map<ValueId, PerAxis<int>> count;
    auto reduce = [&](const InOutList& grads, Axis axis) {
      for (InOut grad : grads) ++count[grad.id][axis];
    };
    auto reduce_over_copies = [&](const InOutList& grads, Group group) {
      if (group == Group::expert_copies) return reduce(grads, Axis::edp);
      const bool over_cp = program_.mesh.size[Axis::cp] > 1;
      if (over_cp) reduce(grads, Axis::cp);
      if (!over_cp || program_.mesh.size[Axis::dp] > 1) reduce(grads, Axis::dp);
    };
    for (const Node& node : program_.backward) {
      if (const auto* op = std::get_if<ReduceGrads>(&node.op)) {
        reduce_over_copies(op->main_grads, op->group);
      } else if (const auto* scatter = std::get_if<ScatterGrads>(&node.op)) {
        reduce_over_copies(scatter->main_grads, scatter->group);
      } else if (const auto* partial = std::get_if<ReducePartialGrads>(&node.op)) {
        reduce(partial->main_grads, partial->axis);
      } else if (!std::holds_alternative<ReduceShares>(node.op)) {  // verify_shards: after these, over the replicas
        no_reduced_writes(node, count);
      }
    }
    return count;
  }

  void no_reduced_writes(const Node& node, const std::map<ValueId, PerAxis<int>>& reduced) const {
    for (const Operand& operand : collect(node.op)) {
      if (operand.use == Use::inout && reduced.contains(operand.id)) {
        throw ProgramError(fmt::format("{}: writes {} after its reduction", name(node.op), label(operand.id)));
      }
    }
  }

  void main_grads() const {
    if (program_.backward.empty()) return;
    std::map<ValueId, int> grads_of;
    const auto count = reductions();
    for (ValueId id : states(program_, StateKind::main_grad)) {
      ++grads_of[program_[id].weight];
      const auto it = count.find(id);
      for (Axis axis : kAxes) {
        const int found = it == count.end() ? 0 : it->second[axis];
        const int wanted = program_.type(id).placement[axis].is_partial() ? 1 : 0;
        if (found != wanted) {
          throw ProgramError(fmt::format("main gradient of {}: reduced {} times over {}, should be {}", label(id),
                                         found, name(axis), wanted));
        }
      }
    }
    for (ValueId weight : states(program_, StateKind::weight)) {
      const int wanted = program_[weight].trainable ? 1 : 0;
      if (grads_of[weight] != wanted) {
        throw ProgramError(
            fmt::format("{}: has {} main gradients, should have {}", label(weight), grads_of[weight], wanted));
      }
    }
  }

  // Both stages that hold a weight sum its gradient once, after all microbatches.
  void shared_grads() const {
    if (program_.optimizer.empty()) return;
    std::map<ValueId, int> count;
    for (const Node& node : program_.optimizer) {
      const auto* op = std::get_if<ReduceSharedGrads>(&node.op);
      if (op == nullptr) continue;
      for (InOut grad : op->main_grads) ++count[grad.id];
    }
    for (ValueId id : states(program_, StateKind::main_grad)) {
      const int wanted = program_[id].shared ? 1 : 0;
      if (count[id] != wanted) {
        throw ProgramError(
            fmt::format("main gradient of {}: summed {} times with the stage that shares it, should be {}", label(id),
                        count[id], wanted));
      }
    }
  }

  const Program& program_;
  std::vector<bool> defined_;
};

void meet(const char* what, const ValueType* sent, const ValueType* expected) {
  if (sent != nullptr && expected != nullptr && *sent != *expected) {
    throw ProgramError(
        fmt::format("{}: one chunk sends {}, another expects {}", what, to_string(*sent), to_string(*expected)));
  }
}

const ValueType* type_or_null(const Program& program, ValueId id) {
  return id == kNoValue ? nullptr : &program.type(id);
}

}  // namespace

void verify(const Program& program) { Verify(program).run(); }

void verify(const std::vector<Program>& kinds) {
  for (const Program& from : kinds) {
    for (const Program& to : kinds) {
      meet("activation", type_or_null(from, from.output), type_or_null(to, to.input));
      meet("gradient", type_or_null(to, to.grad_input), type_or_null(from, from.grad_output));
    }
  }
}

}  // namespace perfbench
