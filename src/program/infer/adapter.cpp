#include <fmt/format.h>

#include <algorithm>

#include "program/infer/rules.h"

namespace perfbench {
namespace {

std::int64_t used(const AdapterColumns& columns) {
  return std::count_if(columns.begin(), columns.end(), [](const AdapterBlock& block) { return block.adapted; });
}

std::int64_t whole(const AdapterColumns& columns) {
  std::int64_t sum = 0;
  for (const AdapterBlock& block : columns) sum += block.columns;
  return sum;
}

std::int64_t adapted(const AdapterColumns& columns) {
  std::int64_t sum = 0;
  for (const AdapterBlock& block : columns) sum += block.adapted ? block.columns : 0;
  return sum;
}

void adapters(const InferContext& c, const AdapterColumns& columns, std::int64_t width, std::int64_t h_width,
              const ValueType& b) {
  if (whole(columns) != width) c.fail("the blocks of columns are not those of the output");
  if (adapted(columns) != b.shape[0]) c.fail("b has not a row for each column with an adapter");
  if (h_width != used(columns) * b.shape[1]) c.fail("h is not as wide as the ranks of the adapters");
}

ValueType adapter_input_grad(const InferContext& c, const ValueType& dout, const ValueType& b,
                             const AdapterColumns& columns) {
  const std::int64_t width = b.shape[1] * used(columns);
  adapters(c, columns, dout.shape[1], width, b);
  Placements placement = c.per_axis([&](Axis axis) { return c.product(axis, dout, 0, b, 1); });
  return {{dout.shape[0], width}, dout.dtype, placement};
}

ValueType adapter_weight_grad(const InferContext& c, const ValueType& dout, const ValueType& h,
                              const AdapterColumns& columns) {
  const std::int64_t count = used(columns);
  if (dout.shape[0] != h.shape[0] || count == 0 || h.shape[1] % count != 0 || whole(columns) != dout.shape[1]) {
    c.fail(fmt::format("{} and {} do not go together", to_string(dout), to_string(h)));
  }
  Placements placement = c.per_axis([&](Axis axis) { return c.product(axis, dout, 1, h, 1); });
  return {{adapted(columns), h.shape[1] / count}, dout.dtype, placement};
}

}  // namespace

Types infer(const AdapterUp& op, const InferContext& c) {
  const ValueType &base = c.type(op.base), &h = c.type(op.h), &b = c.type(op.b);
  c.no_partial(base);
  adapters(c, op.columns, base.shape[1], h.shape[1], b);
  Placements placement = c.per_axis([&](Axis axis) { return c.product(axis, h, 0, b, 0); });
  if (placement != base.placement || h.shape[0] != base.shape[0]) {
    c.fail(fmt::format("{} and {} do not lie as {}", to_string(h), to_string(b), to_string(base)));
  }
  return {base};
}

Types infer(const AdapterUpBackward& op, const InferContext& c) {
  return {adapter_input_grad(c, c.type(op.dout), c.type(op.b), op.columns)};
}

Types infer(const AdapterWeightGrad& op, const InferContext& c) {
  return {adapter_weight_grad(c, c.type(op.dout), c.type(op.h), op.columns)};
}

Types infer(const AdapterBackward& op, const InferContext& c) {
  return {adapter_input_grad(c, c.type(op.dout), c.type(op.b), op.columns),
          adapter_weight_grad(c, c.type(op.dout), c.type(op.h), op.columns)};
}

}  // namespace perfbench
