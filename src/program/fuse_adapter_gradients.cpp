#include <algorithm>
#include <map>
#include <optional>

#include "program/operands.h"
#include "program/passes.h"

namespace perfbench {
namespace {

// Both gradients of one adapted output read it: they read it once.
std::optional<AdapterBackward> of_one_output(const Op& first, const Op& second) {
  const auto* input = std::get_if<AdapterUpBackward>(&first);
  const auto* weight = std::get_if<AdapterWeightGrad>(&second);
  if (input == nullptr || weight == nullptr || input->dout.id != weight->dout.id) return std::nullopt;
  return AdapterBackward{.dout = input->dout,
                         .h = weight->h,
                         .b = input->b,
                         .dh = input->dh,
                         .db = weight->db,
                         .columns = input->columns,
                         .scale = input->scale};
}

// A product that only the addition right after it reads is added to the other summand inside the product.
std::optional<AddMatmul> of_one_sum(const Op& first, const Op& second, const std::map<ValueId, int>& readers) {
  const auto* product = std::get_if<Matmul>(&first);
  const auto* sum = std::get_if<Add>(&second);
  if (product == nullptr || sum == nullptr) return std::nullopt;
  if (product->scale_a.id != kNoValue || product->bias.id != kNoValue) return std::nullopt;
  const ValueId made = product->out.id;
  const bool is_left = sum->a.id == made;
  if ((!is_left && sum->b.id != made) || readers.at(made) != 1) return std::nullopt;
  return AddMatmul{.c = is_left ? sum->b : sum->a,
                   .a = product->a,
                   .b = product->b,
                   .out = sum->out,
                   .transpose_b = product->transpose_b};
}

std::map<ValueId, int> count_readers(const std::vector<Node>& nodes) {
  std::map<ValueId, int> readers;
  for (const Node& node : nodes) {
    for (const Operand& operand : collect(node.op)) readers[operand.id] += operand.reads() ? 1 : 0;
  }
  return readers;
}

}  // namespace

void fuse_adapter_gradients(Program& program) {
  const std::map<ValueId, int> readers = count_readers(program.backward);
  std::vector<Node> fused;
  fused.reserve(program.backward.size());
  for (const Node& node : program.backward) {
    if (!fused.empty() && fused.back().when == node.when) {
      if (const auto both = of_one_output(fused.back().op, node.op)) {
        fused.back().op = *both;
        continue;
      }
      if (const auto both = of_one_sum(fused.back().op, node.op, readers)) {
        fused.back().op = *both;
        continue;
      }
    }
    fused.push_back(node);
  }
  program.backward = std::move(fused);
}

}  // namespace perfbench
