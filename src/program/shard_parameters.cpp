// FSDP. A unit is what is gathered at a time: the weights of one layer, or those before or after the layers.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "program/builder.h"
#include "program/operands.h"
#include "program/passes.h"

namespace perfbench {
namespace {

// Weights that lie in one flat buffer: of one type of element, all trained or all frozen. One that another stage holds,
// too, lies alone, so that both stages cut it into the same shares.
using Part = std::vector<ValueId>;
struct Unit {
  int layer = -1;
  std::vector<Part> parts;
};

// The values that stand for a weight in FP8, once states that were cast with the first microbatch only.
struct Cast {
  ValueId weight = kNoValue;
  ValueId q = kNoValue, q_t = kNoValue, scale = kNoValue;  // q: absent where the weight is held in FP8
};

// The gradient of an embedding takes nothing but the shape of the table.
bool reads_weights(const Op& op) { return !std::holds_alternative<EmbeddingBackward>(op); }

class ShardParameters {
 public:
  ShardParameters(Program& program, const Policy& policy) : program_(program), policy_(policy) {}

  void run() {
    if (!policy_.fsdp_keep) casts_become_values();
    find_units();
    for (const Unit& unit : units_) {
      for (const Part& part : unit.parts) {
        for (ValueId weight : part) program_[weight].sharded = true;
      }
    }
    std::vector<std::size_t> all, again;
    for (std::size_t u = 0; u < units_.size(); ++u) {
      all.push_back(u);
      if (gathered_again(u)) again.push_back(u);
    }
    cast_in_backward();
    const Whole forward = gather(Phase::forward, all);
    const Whole backward = gather(Phase::backward, again);
    read_whole(program_.forward, forward, {});
    read_whole(program_.backward, backward, forward);
    if (policy_.fsdp_defer_reduce) {
      reduce_main_grads();
    } else {
      scatter_grads();
    }
  }

 private:
  using Whole = std::map<ValueId, ValueId>;  // a weight -> the value that holds all of it

  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

  ValueId add(Value value) {
    program_.values.push_back(value);
    return static_cast<ValueId>(program_.values.size() - 1);
  }

  // A value like `like`, made by the backward.
  ValueId backward_value(ValueId like) {
    if (like == kNoValue) return kNoValue;
    Value value = program_[like];
    value.role = Role::gradient;
    return add(value);
  }

  // What is gathered lives as long as it is needed; so does its cast.
  void casts_become_values() {
    for (Node& node : program_.forward) {
      const auto* op = std::get_if<CastWeight>(&node.op);
      if (op == nullptr) continue;
      const Cast cast{.weight = op->weight.id, .q = op->q.id, .q_t = op->q_t.id, .scale = op->scale.id};
      for (ValueId id : {cast.q, cast.q_t, cast.scale}) {
        if (id == kNoValue) continue;
        Value& value = program_[id];
        value.role = Role::activation;
        value.state = StateKind::none;
        value.weight = kNoValue;
      }
      node.op = cast_op(cast);
      node.when = When::always;
      casts_.push_back(cast);
    }
  }

  Op cast_op(const Cast& cast) const {
    if (program_[cast.weight].fp8_held) return Transpose{.x = {cast.weight}, .out = {cast.q_t}};
    return Quantize{.x = {cast.weight}, .q = {cast.q}, .q_t = {cast.q_t}, .scale = {cast.scale}, .of_weight = true};
  }

  // In the order in which the forward first reads them.
  void find_units() {
    for (const Node& node : program_.forward) {
      for (const Operand& operand : collect(node.op)) {
        if (program_[operand.id].state != StateKind::weight || unit_of_.contains(operand.id)) continue;
        const int layer = program_[operand.id].layer;
        if (units_.empty() || units_.back().layer != layer) units_.push_back({.layer = layer, .parts = {}});
        unit_of_[operand.id] = units_.size() - 1;
      }
    }
    using Key = std::tuple<DType, bool, ValueId>;
    std::vector<std::map<Key, std::size_t>> part_of(units_.size());
    for (ValueId weight : states(program_, StateKind::weight)) {  // in the order in which they were made
      const Value& value = program_[weight];
      if (!unit_of_.contains(weight)) throw ProgramError("shard_parameters: nobody reads " + label(program_, weight));
      const std::size_t u = unit_of_[weight];
      std::vector<Part>& parts = units_[u].parts;
      const Key key{value.type.dtype, value.trainable, value.shared ? weight : kNoValue};
      const auto [it, is_new] = part_of[u].try_emplace(key, parts.size());
      if (is_new) parts.emplace_back();
      parts[it->second].push_back(weight);
    }
  }

  // What lies outside the layers is kept: the backward starts with what the forward ends with, and does not read the
  // embedding.
  bool gathered_again(std::size_t unit) const {
    return policy_.fsdp_reshard && !policy_.fsdp_keep && units_[unit].layer >= 0;
  }

  // As the forward's product reads the weight.
  static ValueId straight(const Cast& cast) { return cast.q != kNoValue ? cast.q : cast.weight; }

  // Casts that the backward makes, each before its first reader: the forward then makes no copy for the backward. A
  // weight that is gathered again is cast again. Of one that is saved, and whose product the backward runs again, both
  // copies are read: one is saved, and transposed.
  void cast_in_backward() {
    std::set<ValueId> read;
    for (const Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) read.insert(operand.id);
    }
    std::map<ValueId, const Cast*> cast_of;
    for (const Cast& cast : casts_) {
      if (gathered_again(unit_of_.at(cast.weight))) {
        for (ValueId id : {cast.q, cast.q_t, cast.scale}) cast_of[id] = &cast;
      } else if (read.contains(straight(cast)) && read.contains(cast.q_t)) {
        cast_of[cast.q_t] = &cast;
      } else {
        continue;
      }
      drop_transposed(cast.q_t);
    }
    std::map<ValueId, ValueId> again;
    std::vector<Node> nodes;
    for (Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) {
        const auto it = cast_of.find(operand.id);
        if (it == cast_of.end() || again.contains(operand.id)) continue;
        nodes.push_back({.op = backward_cast(*it->second, read, again), .layer = node.layer});
      }
      rename(node.op,
             [&](const Operand& o) { return o.use == Use::in && again.contains(o.id) ? again.at(o.id) : o.id; });
      nodes.push_back(std::move(node));
    }
    program_.backward = std::move(nodes);
  }

  // `again`: what stands for each value of the forward's cast.
  Op backward_cast(const Cast& first, const std::set<ValueId>& read, std::map<ValueId, ValueId>& again) {
    if (!gathered_again(unit_of_.at(first.weight))) {
      again[first.q_t] = backward_value(first.q_t);
      return Transpose{.x = {straight(first)}, .out = {again[first.q_t]}};
    }
    Cast second{.weight = first.weight, .scale = backward_value(first.scale)};
    if (read.contains(first.q)) second.q = backward_value(first.q);
    if (read.contains(first.q_t)) second.q_t = backward_value(first.q_t);
    again[first.q] = second.q;
    again[first.q_t] = second.q_t;
    again[first.scale] = second.scale;
    return cast_op(second);
  }

  void drop_transposed(ValueId q_t) {
    if (q_t == kNoValue) return;
    std::erase_if(program_.forward, [q_t](const Node& node) {
      const auto* transpose = std::get_if<Transpose>(&node.op);
      return transpose != nullptr && transpose->out.id == q_t;
    });
    for (Node& node : program_.forward) {
      if (auto* quantize = std::get_if<Quantize>(&node.op); quantize && quantize->q_t.id == q_t) quantize->q_t = {};
    }
  }

  // The nodes that gather a unit, each part for itself.
  std::vector<Node> gathers_of(const Unit& unit, Phase phase, Whole& whole) {
    std::vector<Node> nodes;
    for (const Part& part : unit.parts) {
      GatherShards op;
      for (ValueId weight : part) {
        Value value{.name = program_[weight].name, .layer = program_[weight].layer, .type = program_[weight].type};
        op.shards.push_back({weight});
        if (policy_.fsdp_keep) {
          value.role = Role::state;
          value.state = StateKind::gathered;
          value.weight = weight;
          op.kept.push_back({whole[weight] = add(value)});
        } else {
          value.role = phase == Phase::forward ? Role::activation : Role::gradient;
          op.weights.push_back({whole[weight] = add(value)});
        }
      }
      nodes.push_back({.op = std::move(op), .when = policy_.fsdp_keep ? When::first_microbatch : When::always});
    }
    return nodes;
  }

  // The unit's first reader among `nodes`; their number where there is none.
  std::size_t first_reader(const std::vector<Node>& nodes, std::size_t unit) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!reads_weights(nodes[i].op)) continue;
      for (const Operand& operand : collect(nodes[i].op)) {
        const auto it = unit_of_.find(operand.id);
        if (it != unit_of_.end() && it->second == unit) return i;
      }
    }
    return nodes.size();
  }

  // What is there when a phase begins.
  ValueId start_of(Phase phase) const {
    if (phase == Phase::forward && program_.input != kNoValue) return program_.input;
    if (phase == Phase::forward) return program_.data.empty() ? kNoValue : program_.data.front().value;
    return program_.grad_output != kNoValue ? program_.grad_output : program_.loss;
  }

  // Units are gathered one ahead: the first as the phase begins, each other right before the first reader of the unit
  // before it, and no earlier.
  Whole gather(Phase phase, const std::vector<std::size_t>& units) {
    std::vector<Node>& nodes = phase == Phase::forward ? program_.forward : program_.backward;
    std::vector<std::pair<std::size_t, std::size_t>> order;  // by first reader
    for (std::size_t unit : units) {
      const std::size_t reader = first_reader(nodes, unit);
      if (reader < nodes.size()) order.emplace_back(reader, unit);
    }
    std::sort(order.begin(), order.end());
    Whole whole;
    std::vector<Node> with_gathers;
    ValueId there = start_of(phase);  // the last value made so far
    const auto issue = [&](std::size_t k, int layer) {
      if (k >= order.size()) return;
      for (Node& node : gathers_of(units_[order[k].second], phase, whole)) {
        node.layer = layer;
        node.after = there;
        with_gathers.push_back(std::move(node));
      }
    };
    if (!nodes.empty()) issue(0, nodes.front().layer);
    std::size_t next = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (; next < order.size() && order[next].first == i; ++next) issue(next + 1, nodes[i].layer);
      for (const Operand& operand : collect(nodes[i].op)) {
        if (operand.use == Use::out) there = operand.id;
      }
      with_gathers.push_back(std::move(nodes[i]));
    }
    nodes = std::move(with_gathers);
    return whole;
  }

  // Readers of a weight read what was gathered in their phase, or else before it.
  static void read_whole(std::vector<Node>& nodes, const Whole& own, const Whole& before) {
    for (Node& node : nodes) {
      if (!reads_weights(node.op) || std::holds_alternative<GatherShards>(node.op)) continue;
      rename(node.op, [&](const Operand& o) {
        if (o.use != Use::in) return o.id;
        if (const auto it = own.find(o.id); it != own.end()) return it->second;
        const auto it = before.find(o.id);
        return it == before.end() ? o.id : it->second;
      });
    }
  }

  // Main gradients of each part that is trained, in the order of its weights, by the last backward node that adds to
  // one of them.
  std::multimap<std::size_t, InOutList> main_grads_by_last_writer() const {
    std::map<ValueId, ValueId> main_grad_of;
    std::map<ValueId, std::size_t> last_writer;
    for (ValueId grad : states(program_, StateKind::main_grad)) main_grad_of[program_[grad].weight] = grad;
    for (std::size_t i = 0; i < program_.backward.size(); ++i) {
      for (const Operand& operand : collect(program_.backward[i].op)) {
        if (operand.use == Use::inout) last_writer[operand.id] = i;
      }
    }
    std::multimap<std::size_t, InOutList> lists;
    for (const Unit& unit : units_) {
      for (const Part& part : unit.parts) {
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

  void reduce_main_grads() {
    const auto lists = main_grads_by_last_writer();
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < program_.backward.size(); ++i) {
      const int layer = program_.backward[i].layer;
      nodes.push_back(std::move(program_.backward[i]));
      for (auto [it, end] = lists.equal_range(i); it != end; ++it) {
        for (Node& node : reductions_of(program_, it->second, true, layer)) nodes.push_back(std::move(node));
      }
    }
    program_.backward = std::move(nodes);
  }

  // Weight gradients are no longer added to main gradients as they come: those of a part leave together once they are
  // all made.
  void scatter_grads() {
    const auto lists = main_grads_by_last_writer();
    std::vector<Node> nodes = std::move(program_.backward);
    program_.backward.clear();
    Builder build(program_, policy_, Phase::backward);
    std::map<ValueId, ValueId> grad_of;  // main gradient -> the weight gradients so far
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const int layer = nodes[i].layer;
      build.enter_layer(layer);
      if (const auto* op = std::get_if<Accumulate>(&nodes[i].op)) {
        const auto [it, is_first] = grad_of.try_emplace(op->main_grad.id, op->dw.id);
        if (!is_first) it->second = build.emit(Add{.a = {it->second}, .b = op->dw}, {"dw"}).out.id;
      } else {
        program_.backward.push_back(std::move(nodes[i]));
      }
      for (auto [it, end] = lists.equal_range(i); it != end; ++it) scatter(build, it->second, grad_of, layer);
    }
  }

  void scatter(Builder& build, const InOutList& main_grads, const std::map<ValueId, ValueId>& grad_of, int layer) {
    ScatterGrads op{.dws = {}, .main_grads = main_grads};
    for (InOut main_grad : main_grads) {
      ValueId dw = grad_of.at(main_grad.id);
      // A share of a bucket is no share of each tensor: what is partial over tp is summed before.
      if (program_.type(dw).placement[Axis::tp].is_partial()) dw = build.emit(AllReduce{.x = {dw}}, {"dw"}).out.id;
      Value& state = program_[main_grad.id];
      state.sharded = true;
      state.type.placement = program_.type(dw).placement;
      op.dws.push_back({dw});
    }
    program_.backward.push_back({.op = std::move(op), .layer = layer});
  }

  Program& program_;
  const Policy& policy_;
  std::vector<Unit> units_;
  std::map<ValueId, std::size_t> unit_of_;  // of weights
  std::vector<Cast> casts_;
};

}  // namespace

void shard_parameters(Program& program, const Policy& policy) { ShardParameters(program, policy).run(); }

}  // namespace perfbench
