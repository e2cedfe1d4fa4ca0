// The closed-form FLOP counts behind published TFLOP/s and MFU figures, each under the name of its convention.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spec/model_spec.h"
#include "spec/terms.h"

namespace perfbench {

// Whose closed form counts the model FLOPs. Publishers disagree on attention (full or causal), on the LoRA factor and
// on what a head costs, so that TFLOP/s figures compare only under one convention.
enum class FlopsConvention {
  // NeMo r2.3.0, the code of container 25.04, nemo/utils/flops_formulas.py: attention is counted in full, not causal.
  nemo_25_04
};

constexpr std::string_view name(FlopsConvention convention) {
  switch (convention) {
    case FlopsConvention::nemo_25_04:
      return "nemo_25.04";
  }
  return "?";
}

// Why the convention has no closed form for this model and task ("experts are not counted by ..."); empty when it has
// one.
std::string missing_flops_form(const ModelSpec& model, Task task, FlopsConvention convention);

// FLOPs per token of one whole training step, forward and backward. Recompute, norms, activations, softmax, rotary
// positions, the embedding's look-up, biases and the optimizer are not counted. nullopt where missing_flops_form() says
// why.
std::optional<double> model_flops_per_token(const ModelSpec& model, Task task, std::int64_t seq_len,
                                            FlopsConvention convention);

}  // namespace perfbench
