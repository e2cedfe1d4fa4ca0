#include <ATen/ops/empty.h>

#include <algorithm>

#include "engine/torch/adapter_places.h"
#include "engine/torch/cuda_fused.h"
#include "engine/torch/fused.h"

namespace perfbench {
namespace {

// Rows of dout are read 16 bytes at a time.
bool in_packs(const AdapterBackward& op, const at::Tensor& dout) {
  const auto whole = [](const AdapterBlock& block) { return block.columns % 8 == 0; };
  return std::all_of(op.columns.begin(), op.columns.end(), whole) &&
         reinterpret_cast<std::uintptr_t>(dout.data_ptr()) % 16 == 0;
}

at::Tensor scratch(std::int64_t elements, const at::Tensor& beside) {
  return at::empty({elements}, beside.options().dtype(at::kFloat));
}

// Parts of the tokens so that the blocks fill the chip.
std::int64_t token_parts(c10::Device device, std::int64_t tokens, std::int64_t column_parts) {
  return std::clamp<std::int64_t>(blocks_of(device) / column_parts, 1, std::max<std::int64_t>(1, tokens / 16));
}

}  // namespace

bool fused(const AdapterBackward& op, Frame& frame) {
  const at::Tensor &dout = frame[op.dout], &h = frame[op.h], &b = frame[op.b];
  const std::int64_t rank = b.size(1), tokens = dout.size(0);
  if (!kernels_take(dout, h, b) || dout.scalar_type() != at::kBFloat16) return false;
  if (!has_adapter_kernel(rank) || !in_packs(op, dout)) return false;
  const at::Tensor dh = frame.make(op.dh), db = frame.make(op.db);
  for (const AdapterPlace& place : places_of(op.columns, rank)) {
    const std::int64_t parts = adapter_column_parts(place.columns, static_cast<int>(rank));
    AdapterBackwardCall call{.tokens = tokens,
                             .columns = place.columns,
                             .rank = static_cast<int>(rank),
                             .dout_stride = dout.size(1),
                             .h_stride = h.size(1),
                             .dout = address(dout.narrow(1, place.column, place.columns)),
                             .h = address(h.narrow(1, place.h_column, rank)),
                             .b = address(b.narrow(0, place.b_row, place.columns)),
                             .dh = address(dh.narrow(1, place.h_column, rank)),
                             .db = address(db.narrow(0, place.b_row, place.columns)),
                             .token_parts = token_parts(dout.device(), tokens, parts),
                             .scale = static_cast<float>(op.scale)};
    const at::Tensor dh_partials = scratch(parts * tokens * rank, dout);
    const at::Tensor db_partials = scratch(call.token_parts * place.columns * rank, dout);
    call.dh_partials = address<float>(dh_partials);
    call.db_partials = address<float>(db_partials);
    launch_on(dout.device(), perfbench_adapter_backward, call);
  }
  frame.put(op.dh, dh);
  frame.put(op.db, db);
  return true;
}

}  // namespace perfbench
