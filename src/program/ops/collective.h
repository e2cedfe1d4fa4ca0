// Collectives of activations and their gradients.
#pragma once

#include <string_view>
#include <tuple>

#include "program/axis.h"
#include "program/ops/operand.h"

namespace perfbench {

struct AllGather {  // along dim 0
  static constexpr std::string_view kName = "all_gather";
  static constexpr OpClass kClass = OpClass::collective;
  In x{};
  In counts{};  // (S, E), along etp: how many rows of experts each rank has; absent where all have as many
  Out out{};
  Axis axis = Axis::tp;
  static constexpr auto operands() {
    return std::tuple{Field{"x", &AllGather::x}, Field{"counts", &AllGather::counts}, Field{"out", &AllGather::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"axis", &AllGather::axis, Signs::never}}; }
};

struct ReduceScatter {  // along dim 0
  static constexpr std::string_view kName = "reduce_scatter";
  static constexpr OpClass kClass = OpClass::collective;
  In x{};
  In counts{};  // (S, E), along etp: how many rows of experts each rank has; absent where all have as many
  Out out{};
  Axis axis = Axis::tp;
  static constexpr auto operands() {
    return std::tuple{Field{"x", &ReduceScatter::x}, Field{"counts", &ReduceScatter::counts},
                      Field{"out", &ReduceScatter::out}};
  }
  static constexpr auto fields() { return std::tuple{Field{"axis", &ReduceScatter::axis, Signs::never}}; }
};

struct AllReduce {
  static constexpr std::string_view kName = "all_reduce";
  static constexpr OpClass kClass = OpClass::collective;
  In x{};
  Out out{};
  Axis axis = Axis::tp;
  static constexpr auto operands() { return std::tuple{Field{"x", &AllReduce::x}, Field{"out", &AllReduce::out}}; }
  static constexpr auto fields() { return std::tuple{Field{"axis", &AllReduce::axis, Signs::never}}; }
};

}  // namespace perfbench
