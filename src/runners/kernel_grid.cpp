#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "program/signature.h"
#include "runners/planned_kernel.h"

namespace perfbench {
namespace {

constexpr std::array<std::int64_t, 6> kGemmSizes = {512, 1024, 2048, 4096, 8192, 16384};
constexpr std::int64_t kGemmMiddle = 4096;  // of the dims that stay while one changes
constexpr std::array<std::int64_t, 5> kSequences = {1024, 2048, 4096, 8192, 16384};
constexpr std::int64_t kCopyLeast = std::int64_t{1} << 20, kCopyStep = 4, kCopyRow = 1024;

// A Program of one op.
class Tiny {
 public:
  ValueId value(Shape shape, DType dtype) {
    program_.values.push_back({.type = {.shape = shape, .dtype = dtype, .placement = {}}});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  PlannedKernel with(Op op) {
    std::string text = signature(op, program_);
    return {std::move(text), std::make_shared<const Program>(std::move(program_)), std::move(op)};
  }

 private:
  Program program_;
};

PlannedKernel gemm(std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
  Tiny tiny;
  Matmul op{.a = {tiny.value({m, k}, dtype)}, .b = {tiny.value({n, k}, dtype)}};
  if (size_bytes(dtype) == 1) {
    op.scale_a = {tiny.value({1}, DType::f32)};
    op.scale_b = {tiny.value({1}, DType::f32)};
  }
  op.out = {tiny.value({m, n}, DType::bf16)};
  return tiny.with(op);
}

// Cubes, and slabs with one dim that is not kGemmMiddle.
std::vector<std::array<std::int64_t, 3>> gemm_shapes(std::int64_t most) {
  std::vector<std::array<std::int64_t, 3>> shapes;
  for (const std::int64_t size : kGemmSizes) {
    if (size > most) break;
    shapes.push_back({size, size, size});
    if (size == kGemmMiddle || most < kGemmMiddle) continue;
    for (std::size_t dim = 0; dim < 3; ++dim) {
      shapes.push_back({kGemmMiddle, kGemmMiddle, kGemmMiddle});
      shapes.back()[dim] = size;
    }
  }
  return shapes;
}

void add_attention(std::vector<PlannedKernel>& grid, const Heads& heads, std::int64_t seq) {
  Tiny forward, backward;
  const Shape packed = {seq, heads.packed_width()}, wide = {seq, heads.out_width()}, rows = {seq, heads.heads};
  grid.push_back(forward.with(Attention{.qkv = {forward.value(packed, DType::bf16)},
                                        .out = {forward.value(wide, DType::bf16)},
                                        .lse = {forward.value(rows, DType::f32)},
                                        .heads = heads,
                                        .batch = 1,
                                        .seq = seq}));
  grid.push_back(backward.with(AttentionBackward{.dout = {backward.value(wide, DType::bf16)},
                                                 .qkv = {backward.value(packed, DType::bf16)},
                                                 .out = {backward.value(wide, DType::bf16)},
                                                 .lse = {backward.value(rows, DType::f32)},
                                                 .dqkv = {backward.value(packed, DType::bf16)},
                                                 .heads = heads,
                                                 .batch = 1,
                                                 .seq = seq}));
}

// Of the models with grouped-query attention, each once.
std::vector<Heads> heads_of_models(const Catalog& catalog) {
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> all;
  for (const std::string& name : catalog.model_names()) {
    const ModelSpec model = catalog.model(name, "calibrate");
    for (const LayerSpec& kind : model.kinds) {
      if (const auto* gqa = std::get_if<Gqa>(&kind.mixer)) all.emplace(gqa->heads, gqa->kv_heads, gqa->head_dim);
    }
  }
  std::vector<Heads> heads;
  for (const auto& [q, kv, dim] : all) heads.push_back({.heads = q, .kv_heads = kv, .head_dim = dim});
  return heads;
}

PlannedKernel copy(std::int64_t bytes) {
  Tiny tiny;
  const Shape shape = {bytes / size_bytes(DType::bf16) / kCopyRow, kCopyRow};
  return tiny.with(Add{.a = {tiny.value(shape, DType::bf16)},
                       .b = {tiny.value(shape, DType::bf16)},
                       .out = {tiny.value(shape, DType::bf16)}});
}

}  // namespace

std::vector<PlannedKernel> kernel_grid(const SystemSpec& system, const Catalog& catalog, const GridLimits& limits) {
  std::vector<PlannedKernel> grid;
  const auto has = [&](Precision precision) {
    return std::find(system.precisions.begin(), system.precisions.end(), precision) != system.precisions.end();
  };
  for (std::int64_t bytes = kCopyLeast; bytes <= limits.copy_bytes; bytes *= kCopyStep) grid.push_back(copy(bytes));
  for (const auto& [m, n, k] : gemm_shapes(limits.gemm)) {
    grid.push_back(gemm(m, n, k, DType::bf16));
    if (has(Precision::fp8cs)) grid.push_back(gemm(m, n, k, DType::f8e4m3));
  }
  const std::vector<Heads> heads = heads_of_models(catalog);
  for (const std::int64_t seq : kSequences) {
    if (seq > limits.seq) break;
    for (const Heads& of_model : heads) add_attention(grid, of_model, seq);
  }
  return grid;
}

}  // namespace perfbench
