#include <ATen/ops/mm.h>

#include "engine/torch/ops.h"

namespace perfbench {
namespace {

// One adapter's part of each tensor: its columns of the output, its columns of h, its rows of B.
struct AdapterPlace {
  std::int64_t column = 0, columns = 0, h_column = 0, b_row = 0;
};

std::vector<AdapterPlace> places_of(const AdapterColumns& blocks, std::int64_t rank) {
  std::vector<AdapterPlace> places;
  std::int64_t column = 0, b_row = 0;
  for (const AdapterBlock& block : blocks) {
    if (block.adapted) {
      places.push_back({.column = column,
                        .columns = block.columns,
                        .h_column = static_cast<std::int64_t>(places.size()) * rank,
                        .b_row = b_row});
      b_row += block.columns;
    }
    column += block.columns;
  }
  return places;
}

}  // namespace

void run(const AdapterUp& op, Frame& frame) {
  const at::Tensor &h = frame[op.h], &b = frame[op.b];
  const at::Tensor out = frame.own_or_copy(op.base);
  const std::int64_t rank = b.size(1);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    const at::Tensor b_t = b.narrow(0, place.b_row, place.columns).t();  // (R, columns)
    out.narrow(1, place.column, place.columns).addmm_(h.narrow(1, place.h_column, rank), b_t, 1, op.scale);
  }
  frame.put(op.out, out);
}

void run(const AdapterUpBackward& op, Frame& frame) {
  const at::Tensor &dout = frame[op.dout], &b = frame[op.b];
  const at::Tensor dh = frame.make(op.dh);
  const std::int64_t rank = b.size(1);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    const at::Tensor product =
        at::mm(dout.narrow(1, place.column, place.columns), b.narrow(0, place.b_row, place.columns));
    dh.narrow(1, place.h_column, rank).copy_(product.mul_(op.scale));
  }
  frame.put(op.dh, dh);
}

void run(const AdapterWeightGrad& op, Frame& frame) {
  const at::Tensor &dout = frame[op.dout], &h = frame[op.h];
  const at::Tensor db = frame.make(op.db);
  const std::int64_t rank = db.size(1);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    const at::Tensor product =
        at::mm(dout.narrow(1, place.column, place.columns).t(), h.narrow(1, place.h_column, rank));
    db.narrow(0, place.b_row, place.columns).copy_(product.mul_(op.scale));
  }
  frame.put(op.db, db);
}

}  // namespace perfbench
