#include "program/verify_copied_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "program/copied_rows.h"
#include "program/infer.h"
#include "program/operands.h"

namespace perfbench {
namespace {

using Ranges = std::vector<RowRange>;

std::string text(const Ranges& ranges) {
  std::string out;
  for (const RowRange& range : ranges) {
    out += fmt::format("{}{} to {}", out.empty() ? "rows " : ", ", range.first, range.first + range.rows);
  }
  return out.empty() ? "none" : out;
}

RowRange range_of(const ReduceCopiedRows& op) { return {.first = op.first_row, .rows = op.rows}; }

class VerifyCopiedRows {
 public:
  explicit VerifyCopiedRows(const Program& program) : program_(program) {}

  void run() {
    for (const Node& node : program_.backward) {
      for (const Operand& operand : collect(node.op)) {
        if (operand.use == Use::out) made_by_[operand.id] = &node.op;
        if (operand.use == Use::inout) not_summed_yet(node.op, operand.id);
      }
      if (const auto* reduce = std::get_if<ReduceCopiedRows>(&node.op)) {
        if (reduce->main_grad.id != kNoValue) summed_[reduce->main_grad.id].push_back(range_of(*reduce));
      }
      if (const auto* scatter = std::get_if<ScatterGrads>(&node.op)) {
        for (std::size_t i = 0; i < scatter->dws.size(); ++i) paths(scatter->dws[i].id, {}, scatter->main_grads[i].id);
      }
    }
    for (ValueId weight : states(program_, StateKind::weight)) copies_of_mesh(weight);
    for (ValueId grad : states(program_, StateKind::main_grad)) {
      if (!program_.backward.empty() && !scattered_.contains(grad)) exactly(grad, summed_[grad]);
    }
  }

 private:
  std::string label(ValueId id) const { return perfbench::label(program_, id); }

  void not_summed_yet(const Op& op, ValueId grad) const {
    if (class_of(op) == OpClass::collective || !summed_.contains(grad)) return;
    throw ProgramError(fmt::format("{}: writes {} after its copied rows were summed", name(op), label(grad)));
  }

  // All summands of a gradient, back to the products that made them, with what was summed over copies on the way.
  void paths(ValueId dw, Ranges summed, ValueId grad) {
    scattered_.insert(grad);
    const auto it = made_by_.find(dw);
    if (it == made_by_.end()) return exactly(grad, summed);
    if (const auto* add = std::get_if<Add>(it->second)) {
      paths(add->a.id, summed, grad);
      return paths(add->b.id, summed, grad);
    }
    if (const auto* reduce = std::get_if<AllReduce>(it->second)) return paths(reduce->x.id, summed, grad);
    const auto* copied = std::get_if<ReduceCopiedRows>(it->second);
    if (copied == nullptr) return exactly(grad, summed);
    summed.push_back(range_of(*copied));
    paths(copied->dw.id, summed, grad);
  }

  void exactly(ValueId grad, Ranges summed) const {
    std::ranges::sort(summed, {}, &RowRange::first);
    const Ranges wanted = copied_rows(program_, program_[grad].weight);
    if (summed == wanted) return;
    throw ProgramError(fmt::format("main gradient of {}: summed over the copies of its rows: {}, should be: {}",
                                   label(grad), text(summed), text(wanted)));
  }

  void copies_of_mesh(ValueId weight) const {
    for (const Piece& piece : program_.pieces(weight)) {
      if (piece.copies == 1 || piece.copies == program_.mesh.kv_copies) continue;
      throw ProgramError(fmt::format("{}: has rows on {} tp ranks, whose group is of {}", label(weight), piece.copies,
                                     program_.mesh.kv_copies));
    }
  }

  const Program& program_;
  std::map<ValueId, const Op*> made_by_;
  std::map<ValueId, Ranges> summed_;  // of main gradients, in place
  std::set<ValueId> scattered_;       // main gradients whose summands were summed before
};

}  // namespace

void verify_copied_rows(const Program& program) { VerifyCopiedRows(program).run(); }

}  // namespace perfbench
