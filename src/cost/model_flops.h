// The closed-form FLOP counts behind published TFLOP/s and MFU figures, each under the name of its convention.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "job/flops_convention.h"
#include "job/model_spec.h"
#include "job/terms.h"

namespace perfbench {

// Where one published table departs from the convention that it follows otherwise.
struct FlopsQuirks {
  std::optional<int> kv_heads{};            // counted with so many
  std::optional<std::int64_t> head_dim{};   // counted with heads so wide
  std::optional<bool> causal{};             // attention counted by half, or in full
  std::optional<double> flops_per_token{};  // a constant stands for the whole form
  bool operator==(const FlopsQuirks&) const = default;
};

struct FlopsTerm {
  std::string name;     // "attention projections", "attention scores", "dense MLP", "head", ...
  double flops = 0.0;   // per token of a whole step, forward and backward, where every weight is trained
  double factor = 1.0;  // share of it that is counted: below 1 where weights are frozen
};

struct ModelFlops {
  std::vector<FlopsTerm> terms{};
  std::string missing{};  // why there is no form ("automodel has no form for ..."); empty where there is one

  bool has_form() const { return missing.empty(); }
  double per_token() const;  // 0 where there is no form
};

// FLOPs per token of one whole training step under the convention. Recompute, norms, activations, softmax, rotary
// positions, the embedding's look-up, biases, multi-token prediction and the optimizer are never counted; nor are
// routers, but for models with Mamba layers. A fine-tuning sample of NeMo is `seq_len` tokens of packed SQuAD.
ModelFlops model_flops(const ModelSpec& model, Task task, std::int64_t seq_len, FlopsConvention convention,
                       const FlopsQuirks& quirks = {});

// The sum alone; nullopt where there is no form.
std::optional<double> model_flops_per_token(const ModelSpec& model, Task task, std::int64_t seq_len,
                                            FlopsConvention convention, const FlopsQuirks& quirks = {});

}  // namespace perfbench
