#include "program/shard/gradients.h"

#include <algorithm>
#include <map>
#include <utility>

#include "program/builder.h"
#include "program/copied_rows.h"
#include "program/operands.h"
#include "program/passes.h"

namespace perfbench {
namespace {

// Main gradients of each part that is trained, in the order of its weights, by the last backward node that adds to
// one of them.
std::multimap<std::size_t, InOutList> main_grads_by_last_writer(const Program& program, const Units& units) {
  std::map<ValueId, ValueId> main_grad_of;
  std::map<ValueId, std::size_t> last_writer;
  for (ValueId grad : states(program, StateKind::main_grad)) main_grad_of[program[grad].weight] = grad;
  for (std::size_t i = 0; i < program.backward.size(); ++i) {
    for (const Operand& operand : collect(program.backward[i].op)) {
      if (operand.use == Use::inout) last_writer[operand.id] = i;
    }
  }
  std::multimap<std::size_t, InOutList> lists;
  for (const Unit& unit : units.list) {
    for (const UnitPart& part : unit.parts) {
      InOutList grads;
      std::size_t last = 0;
      for (ValueId weight : part) {
        const auto it = main_grad_of.find(weight);
        if (it == main_grad_of.end()) continue;
        grads.push_back({it->second});
        last = std::max(last, last_writer[it->second]);
      }
      if (!grads.empty()) lists.emplace(last, std::move(grads));
    }
  }
  return lists;
}

void scatter(Program& program, Builder& build, const InOutList& main_grads, const std::map<ValueId, ValueId>& grad_of,
             int layer) {
  ScatterGrads op{.main_grads = main_grads,
                  .dtype = build.policy().reduced_grad,
                  .group = program.mesh.sharing(program[main_grads.front().id].view)};
  for (InOut main_grad : main_grads) {
    ValueId dw = grad_of.at(main_grad.id);
    // A share of a bucket is no share of each tensor: what is partial over another axis is summed before.
    for (Axis axis : kUncopiedAxes) {
      if (!program.type(dw).placement[axis].is_partial()) continue;
      dw = build.emit(AllReduce{.x = {dw}, .axis = axis}, {"dw"}).out.id;
    }
    for (const RowRange& range : copied_rows(program, program[main_grad.id].weight)) {
      const ReduceCopiedRows reduce{.dw = {dw}, .first_row = range.first, .rows = range.rows};
      dw = build.emit(reduce, {"dw"}).sum.id;
    }
    Value& state = program[main_grad.id];
    state.sharded = true;
    state.type.placement = program.type(dw).placement;
    op.dws.push_back({dw});
  }
  program.backward.push_back({.op = std::move(op), .layer = layer});
  if (program.mesh.replicas > 1) program.backward.push_back(reduction_of_shares(main_grads, layer));
}

}  // namespace

void reduce_main_grads(Program& program, const Units& units) {
  const auto lists = main_grads_by_last_writer(program, units);
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < program.backward.size(); ++i) {
    const int layer = program.backward[i].layer;
    nodes.push_back(std::move(program.backward[i]));
    for (auto [it, end] = lists.equal_range(i); it != end; ++it) {
      for (Node& node : reductions_of(program, it->second, true, layer)) nodes.push_back(std::move(node));
    }
  }
  program.backward = std::move(nodes);
}

void scatter_grads(Program& program, const Policy& policy, const Units& units) {
  const auto lists = main_grads_by_last_writer(program, units);
  std::vector<Node> nodes = std::move(program.backward);
  program.backward.clear();
  Builder build(program, policy, Phase::backward);
  std::map<ValueId, ValueId> grad_of;  // main gradient -> the weight gradients so far
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const int layer = nodes[i].layer;
    build.enter_layer(layer);
    const auto* op = std::get_if<Accumulate>(&nodes[i].op);
    if (op != nullptr && program[program[op->main_grad.id].weight].sharded) {
      const auto [it, is_first] = grad_of.try_emplace(op->main_grad.id, op->dw.id);
      if (!is_first) it->second = build.emit(Add{.a = {it->second}, .b = op->dw}, {"dw"}).out.id;
    } else {
      program.backward.push_back(std::move(nodes[i]));
    }
    for (auto [it, end] = lists.equal_range(i); it != end; ++it) scatter(program, build, it->second, grad_of, layer);
  }
}

}  // namespace perfbench
