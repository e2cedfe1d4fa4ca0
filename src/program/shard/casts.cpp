#include "program/shard/casts.h"

#include <map>
#include <set>
#include <utility>

#include "program/operands.h"

namespace perfbench {
namespace {

// A value like `like`, made by the backward.
ValueId backward_value(Program& program, ValueId like) {
  if (like == kNoValue) return kNoValue;
  Value value = program[like];
  value.role = Role::gradient;
  program.values.push_back(value);
  return static_cast<ValueId>(program.values.size() - 1);
}

// As the forward's product reads the weight.
ValueId straight(const ShardCast& cast) { return cast.q != kNoValue ? cast.q : cast.weight; }

Op cast_op(const Program& program, const ShardCast& cast) {
  if (program[cast.weight].fp8_held) return Transpose{.x = {cast.weight}, .out = {cast.q_t}};
  return Quantize{.x = {cast.weight}, .q = {cast.q}, .q_t = {cast.q_t}, .scale = {cast.scale}, .of_weight = true};
}

void drop_transposed(Program& program, ValueId q_t) {
  if (q_t == kNoValue) return;
  std::erase_if(program.forward, [q_t](const Node& node) {
    const auto* transpose = std::get_if<Transpose>(&node.op);
    return transpose != nullptr && transpose->out.id == q_t;
  });
  for (Node& node : program.forward) {
    if (auto* quantize = std::get_if<Quantize>(&node.op); quantize && quantize->q_t.id == q_t) quantize->q_t = {};
  }
}

// The casts of a backward.
class BackwardCasts {
 public:
  BackwardCasts(Program& program, const Policy& policy, const Units& units)
      : program_(program), policy_(policy), units_(units) {
    for (const Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) read_.insert(operand.id);
    }
  }

  void run(const std::vector<ShardCast>& casts) {
    choose(casts);
    std::vector<Node> nodes;
    for (Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) {
        const auto it = cast_of_.find(operand.id);
        if (it == cast_of_.end() || again_.contains(operand.id)) continue;
        nodes.push_back({.op = cast_again(*it->second), .layer = node.layer});
      }
      rename(node.op,
             [&](const Operand& o) { return o.use == Use::in && again_.contains(o.id) ? again_.at(o.id) : o.id; });
      nodes.push_back(std::move(node));
    }
    program_.backward = std::move(nodes);
  }

 private:
  bool gathers(ValueId weight) const { return gathered_again(units_.list[units_.unit_of.at(weight)], policy_); }

  void choose(const std::vector<ShardCast>& casts) {
    for (const ShardCast& cast : casts) {
      if (gathers(cast.weight)) {
        for (ValueId id : {cast.q, cast.q_t, cast.scale}) cast_of_[id] = &cast;
      } else if (read_.contains(straight(cast)) && read_.contains(cast.q_t)) {
        cast_of_[cast.q_t] = &cast;
      } else {
        continue;
      }
      drop_transposed(program_, cast.q_t);
    }
  }

  Op cast_again(const ShardCast& first) {
    if (!gathers(first.weight)) {
      again_[first.q_t] = backward_value(program_, first.q_t);
      return Transpose{.x = {straight(first)}, .out = {again_[first.q_t]}};
    }
    ShardCast second{.weight = first.weight, .scale = backward_value(program_, first.scale)};
    if (read_.contains(first.q)) second.q = backward_value(program_, first.q);
    if (read_.contains(first.q_t)) second.q_t = backward_value(program_, first.q_t);
    again_[first.q] = second.q;
    again_[first.q_t] = second.q_t;
    again_[first.scale] = second.scale;
    return cast_op(program_, second);
  }

  Program& program_;
  const Policy& policy_;
  const Units& units_;
  std::set<ValueId> read_;                       // by the backward, before there are casts in it
  std::map<ValueId, const ShardCast*> cast_of_;  // values of the forward's casts that the backward makes itself
  std::map<ValueId, ValueId> again_;             // what stands for each of them in the backward
};

}  // namespace

std::vector<ShardCast> casts_become_values(Program& program) {
  std::vector<ShardCast> casts;
  for (Node& node : program.forward) {
    const auto* op = std::get_if<CastWeight>(&node.op);
    if (op == nullptr) continue;
    const ShardCast cast{.weight = op->weight.id, .q = op->q.id, .q_t = op->q_t.id, .scale = op->scale.id};
    for (ValueId id : {cast.q, cast.q_t, cast.scale}) {
      if (id == kNoValue) continue;
      Value& value = program[id];
      value.role = Role::activation;
      value.state = StateKind::none;
      value.weight = kNoValue;
    }
    node.op = cast_op(program, cast);
    node.when = When::always;
    casts.push_back(cast);
  }
  return casts;
}

void cast_in_backward(Program& program, const Policy& policy, const Units& units, const std::vector<ShardCast>& casts) {
  BackwardCasts(program, policy, units).run(casts);
}

}  // namespace perfbench
