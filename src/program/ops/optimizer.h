// The update: once per global step, on the states.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "program/ops/operand.h"

namespace perfbench {

struct GradNorm {  // norm of all main gradients over the whole model: hidden all-reduces of one number
  static constexpr std::string_view kName = "grad_norm";
  static constexpr OpClass kClass = OpClass::state;
  InOutList main_grads{};
  std::int64_t shards = 1;  // ranks that share the work
  static constexpr auto operands() { return std::tuple{Field{"main_grads", &GradNorm::main_grads}}; }
  static constexpr auto fields() { return std::tuple{Field{"shards", &GradNorm::shards}}; }
};

struct AdamW {  // master weights and moments of this rank's shard, then the weights
  static constexpr std::string_view kName = "adamw";
  static constexpr OpClass kClass = OpClass::state;
  InOutList weights{}, main_grads{};
  std::int64_t shards = 1;        // ranks that share the states
  std::int64_t state_bytes = 12;  // per parameter: master copy and the two moments
  static constexpr auto operands() {
    return std::tuple{Field{"weights", &AdamW::weights}, Field{"main_grads", &AdamW::main_grads}};
  }
  static constexpr auto fields() {
    return std::tuple{Field{"shards", &AdamW::shards}, Field{"state_bytes", &AdamW::state_bytes}};
  }
};

}  // namespace perfbench
