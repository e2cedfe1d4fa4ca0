// Whose closed form counts the model FLOPs behind a published TFLOP/s.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace perfbench {

// Publishers disagree on attention (full or causal), on fine-tuning and on what experts cost, so that TFLOP/s compare
// only under one convention. cost/model_flops.h has the forms.
enum class FlopsConvention {
  // NeMo r2.3.0, the code of container 25.04, nemo/utils/flops_formulas.py; 25.07 counts alike. Attention in full.
  nemo_25_04,
  // NeMo from container 25.09 (NeMo #14424, 2025-08-09) and Megatron-Bridge: the causal half of attention.
  nemo_25_09,
  // NeMo AutoModel, nemo_automodel/components/utils/flops_utils.py: the causal half, a LoRA factor on the whole.
  automodel
};

inline constexpr std::array kFlopsConventions{FlopsConvention::nemo_25_04, FlopsConvention::nemo_25_09,
                                              FlopsConvention::automodel};

constexpr std::string_view name(FlopsConvention convention) {
  switch (convention) {
    case FlopsConvention::nemo_25_04:
      return "nemo_25.04";
    case FlopsConvention::nemo_25_09:
      return "nemo_25.09";
    case FlopsConvention::automodel:
      return "automodel";
  }
  return "?";
}

// The exact name; nullopt for any other text.
constexpr std::optional<FlopsConvention> parse_flops_convention(std::string_view text) {
  for (const FlopsConvention convention : kFlopsConventions)
    if (text == name(convention)) return convention;
  return std::nullopt;
}

}  // namespace perfbench
