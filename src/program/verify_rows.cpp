#include "program/verify_rows.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string_view>

#include "program/infer.h"
#include "program/operands.h"

namespace perfbench {
namespace {

// placed: by expert of the whole model, on the rank that has the tokens. by_rank: as they arrive. by_expert: those of
// each expert of this rank together.
enum class Order : std::uint8_t { placed, by_rank, by_expert };

constexpr std::string_view name(Order order) {
  switch (order) {
    case Order::placed:
      return "as they were placed";
    case Order::by_rank:
      return "rank by rank";
    case Order::by_expert:
      return "expert by expert";
  }
  return "?";
}

class VerifyRows {
 public:
  explicit VerifyRows(const Program& program) : program_(program) {}

  void run() {
    for (const auto* nodes : {&program_.forward, &program_.backward}) {
      for (const Node& node : *nodes) {
        op_ = name(node.op);
        std::visit([this](const auto& op) { take(op); }, node.op);
      }
    }
  }

 private:
  // One expert, or rows of one rank: the orders are the same.
  bool sorted_anyway(std::int64_t experts) const {
    return experts == 1 || program_.mesh.size[Axis::ep] * program_.mesh.size[Axis::etp] == 1;
  }

  void wants(In rows, Order wanted) const {
    const auto it = order_.find(rows.id);
    if (rows.id == kNoValue || it == order_.end() || it->second == wanted) return;
    throw ProgramError(
        fmt::format("{}: {} lies {}, should lie {}", op_, label(program_, rows.id), name(it->second), name(wanted)));
  }
  void wants_sorted(In rows, std::int64_t experts) const {
    if (sorted_anyway(experts) && order_.contains(rows.id) && order_.at(rows.id) == Order::by_rank) return;
    wants(rows, Order::by_expert);
  }

  void take(const Permute& op) { order_[op.rows.id] = order_[op.row_weights.id] = Order::placed; }
  void take(const Unpermute& op) {
    wants(op.rows, Order::placed);
    wants(op.row_weights, Order::placed);
  }
  void take(const AllToAll& op) {
    for (In rows : {op.x, op.weights}) wants(rows, op.back ? Order::by_rank : Order::placed);
    order_[op.out.id] = order_[op.out_weights.id] = op.back ? Order::placed : Order::by_rank;
  }
  void take(const Regroup& op) {
    for (In rows : {op.x, op.weights}) wants(rows, op.back ? Order::by_expert : Order::by_rank);
    order_[op.out.id] = order_[op.out_weights.id] = op.back ? Order::by_rank : Order::by_expert;
  }
  void take(const GroupedMatmul& op) {
    wants_sorted(op.a, program_.type(op.b.id).shape[0]);
    if (const auto it = order_.find(op.a.id); it != order_.end()) order_[op.out.id] = it->second;
  }
  void take(const GroupedWeightGrad& op) {
    for (In rows : {op.dy, op.x}) wants_sorted(rows, op.experts);
  }
  void take(const GroupedWeightGradAccumulate& op) {
    for (In rows : {op.dy, op.x}) wants_sorted(rows, program_.type(op.main_grad.id).shape[0]);
  }
  // All others keep the order of what they read, which must be one.
  void take(const auto& op) {
    std::optional<Order> order;
    for (const Operand& operand : collect(Op(op))) {
      if (operand.use == Use::out) {
        if (order) order_[operand.id] = *order;
        continue;
      }
      const auto it = order_.find(operand.id);
      if (it == order_.end()) continue;
      if (order && *order != it->second) {
        throw ProgramError(fmt::format("{}: {} lies {}, what it goes with lies {}", op_, label(program_, operand.id),
                                       name(it->second), name(*order)));
      }
      order = it->second;
    }
  }

  const Program& program_;
  std::string_view op_{};
  std::map<ValueId, Order> order_;  // of values that are rows of experts
};

}  // namespace

void verify_rows(const Program& program) { VerifyRows(program).run(); }

}  // namespace perfbench
