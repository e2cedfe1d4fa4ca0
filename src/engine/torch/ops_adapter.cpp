#include <ATen/ops/addmm.h>
#include <fmt/format.h>

#include "engine/torch/adapter_places.h"
#include "engine/torch/fused.h"
#include "engine/torch/ops.h"

namespace perfbench {
namespace {

// out = scale a b, in one product that writes where it belongs.
void scaled_product(at::Tensor out, const at::Tensor& a, const at::Tensor& b, double scale) {
  at::addmm_out(out, out, a, b, 0, scale);  // beta 0: what stands there is not read
}

void input_grad(const auto& op, const Frame& frame, const at::Tensor& dh) {
  const at::Tensor &dout = frame[op.dout], &b = frame[op.b];
  const std::int64_t rank = b.size(1);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    scaled_product(dh.narrow(1, place.h_column, rank), dout.narrow(1, place.column, place.columns),
                   b.narrow(0, place.b_row, place.columns), op.scale);
  }
}

void weight_grad(const auto& op, const Frame& frame, const at::Tensor& db) {
  const at::Tensor &dout = frame[op.dout], &h = frame[op.h];
  const std::int64_t rank = db.size(1);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    scaled_product(db.narrow(0, place.b_row, place.columns), dout.narrow(1, place.column, place.columns).t(),
                   h.narrow(1, place.h_column, rank), op.scale);
  }
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
  const at::Tensor dh = frame.make(op.dh);
  input_grad(op, frame, dh);
  frame.put(op.dh, dh);
}

void run(const AdapterWeightGrad& op, Frame& frame) {
  const at::Tensor db = frame.make(op.db);
  weight_grad(op, frame, db);
  frame.put(op.db, db);
}

void run(const AdapterBackward& op, Frame& frame) {
  if (fused(op, frame)) return;
  if (frame.rank.device.is_cuda())
    frame.rank.remark(fmt::format("gradients of adapters of rank {} are two products: no own kernel takes them",
                                  frame[op.b].size(1)));
  const at::Tensor dh = frame.make(op.dh), db = frame.make(op.db);
  input_grad(op, frame, dh);
  weight_grad(op, frame, db);
  frame.put(op.dh, dh);
  frame.put(op.db, db);
}

}  // namespace perfbench
