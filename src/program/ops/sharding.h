// Collectives of weights and main gradients: buckets, FSDP units, tied weights. A group is that of the copies of their
// view, or, where there are replicas of sharded weights, that of the ranks that share them.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "base/dtype.h"
#include "program/axis.h"
#include "program/ops/operand.h"

namespace perfbench {

struct GatherParams {  // updated shards of a bucket of weights come together over their copies
  static constexpr std::string_view kName = "gather_params";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList weights{};
  Group group = Group::copies;
  static constexpr auto operands() { return std::tuple{Field{"weights", &GatherParams::weights}}; }
  static constexpr auto fields() { return std::tuple{Field{"group", &GatherParams::group, Signs::never}}; }
};

// FSDP: the weights of a unit (a layer, or what is outside the layers), whole on every rank that has a copy.
struct GatherShards {
  static constexpr std::string_view kName = "gather_shards";
  static constexpr OpClass kClass = OpClass::collective;
  InList shards{};            // weights of which each rank holds a share
  OutList weights{};          // the same, whole
  InOutList kept{};           // in place of `weights`: states that stay whole to the end of the step
  DType dtype = DType::bf16;  // of what travels; shares that are float32 are rounded to it before
  Group group = Group::copies;
  static constexpr auto operands() {
    return std::tuple{Field{"shards", &GatherShards::shards}, Field{"weights", &GatherShards::weights},
                      Field{"kept", &GatherShards::kept}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &GatherShards::dtype, Signs::never},
                      Field{"group", &GatherShards::group, Signs::never}};
  }
};

struct ScatterGrads {  // FSDP: weight gradients of a unit are summed over copies; each rank adds its share to its own
  static constexpr std::string_view kName = "scatter_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InList dws{};
  InOutList main_grads{};
  DType dtype = DType::bf16;  // of what travels and is summed
  Group group = Group::copies;
  static constexpr auto operands() {
    return std::tuple{Field{"dws", &ScatterGrads::dws}, Field{"main_grads", &ScatterGrads::main_grads}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &ScatterGrads::dtype, Signs::never},
                      Field{"group", &ScatterGrads::group, Signs::never}};
  }
};

struct ReduceShares {  // HSDP: this rank's share of a bucket of main gradients is summed over the replicas
  static constexpr std::string_view kName = "reduce_shares";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  Group group = Group::replicas;
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReduceShares::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"group", &ReduceShares::group, Signs::never}}; }
};

struct ReduceGrads {  // main gradients of a bucket are summed over copies, each rank keeping its shard
  static constexpr std::string_view kName = "reduce_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  bool scatter = true;  // false: every rank keeps the whole sum
  Group group = Group::copies;
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReduceGrads::main_grads}}; }
  static constexpr auto fields() {
    return std::tuple{Field{"scatter", &ReduceGrads::scatter}, Field{"group", &ReduceGrads::group, Signs::never}};
  }
};

struct ReducePartialGrads {  // main gradients that are partial over an axis (norms under sequence parallelism)
  static constexpr std::string_view kName = "reduce_partial_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  Axis axis = Axis::tp;
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReducePartialGrads::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"axis", &ReducePartialGrads::axis, Signs::never}}; }
};

// Of a weight gradient, the rows that other tp ranks hold, too (key/value heads), are summed over Group::kv_copies.
struct ReduceCopiedRows {
  static constexpr std::string_view kName = "reduce_copied_rows";
  static constexpr OpClass kClass = OpClass::collective;
  In dw{};            // FSDP: as it was made, before it is scattered
  Out sum{};          // all rows of `dw`, these summed
  InOut main_grad{};  // in place of both
  std::int64_t first_row = 0, rows = 0;
  static constexpr auto operands() {
    return std::tuple{Field{"dw", &ReduceCopiedRows::dw}, Field{"sum", &ReduceCopiedRows::sum},
                      Field{"main_grad", &ReduceCopiedRows::main_grad}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"first_row", &ReduceCopiedRows::first_row}, Field{"rows", &ReduceCopiedRows::rows}};
  }
};

struct ReduceSharedGrads {  // main gradients of weights that two stages hold are summed over both
  static constexpr std::string_view kName = "reduce_shared_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  std::int64_t shards = 1;  // ranks that share each: every rank sums its own part
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReduceSharedGrads::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"shards", &ReduceSharedGrads::shards}}; }
};

}  // namespace perfbench
