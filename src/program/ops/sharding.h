// Collectives of weights and main gradients: buckets, FSDP units, tied weights.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "program/axis.h"
#include "program/ops/operand.h"

namespace perfbench {

struct GatherParams {  // updated shards of a bucket of weights come together over dp x cp
  static constexpr std::string_view kName = "gather_params";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList weights{};
  static constexpr auto operands() { return std::tuple{Field{"weights", &GatherParams::weights}}; }
  static constexpr auto fields() { return std::tuple<>{}; }
};

// FSDP: the weights of a unit (a layer, or what is outside the layers), whole on every rank of dp x cp.
struct GatherShards {
  static constexpr std::string_view kName = "gather_shards";
  static constexpr OpClass kClass = OpClass::collective;
  InList shards{};    // weights of which each rank holds a share
  OutList weights{};  // the same, whole
  InOutList kept{};   // in place of `weights`: states that stay whole to the end of the step
  static constexpr auto operands() {
    return std::tuple{Field{"shards", &GatherShards::shards}, Field{"weights", &GatherShards::weights},
                      Field{"kept", &GatherShards::kept}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct ScatterGrads {  // FSDP: weight gradients of a unit are summed over dp x cp; each rank adds its share to its own
  static constexpr std::string_view kName = "scatter_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InList dws{};
  InOutList main_grads{};
  static constexpr auto operands() {
    return std::tuple{Field{"dws", &ScatterGrads::dws}, Field{"main_grads", &ScatterGrads::main_grads}};
  }
  static constexpr auto fields() { return std::tuple<>{}; }
};

struct ReduceGrads {  // main gradients of a bucket are summed over dp x cp, each rank keeping its shard
  static constexpr std::string_view kName = "reduce_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  bool scatter = true;  // false: every rank keeps the whole sum
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReduceGrads::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"scatter", &ReduceGrads::scatter}}; }
};

struct ReducePartialGrads {  // main gradients that are partial over an axis (norms under sequence parallelism)
  static constexpr std::string_view kName = "reduce_partial_grads";
  static constexpr OpClass kClass = OpClass::collective;
  InOutList main_grads{};
  Axis axis = Axis::tp;
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &ReducePartialGrads::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"axis", &ReducePartialGrads::axis, Signs::never}}; }
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
