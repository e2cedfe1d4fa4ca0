// The summands of the closed forms: FLOPs per token of a whole training step, forward and backward, of one layer unless
// said otherwise. `attended` is how many tokens the average token attends to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cost/model_flops.h"
#include "job/linears.h"

namespace perfbench {

// A weight costs one multiply and one add in the forward pass, and twice that in the backward pass.
inline constexpr double kFlopsPerWeight = 2.0 * 3.0;

// Of the weights of these linears that a token meets: those of `top_k` experts.
double linear_flops(std::span<const LinearSpec> linears, int top_k = 1);

double attention_score_flops(const Gqa& gqa, double attended);
double latent_score_flops(const Mla& mla, double attended);

// Mean over a sequence whose tokens attend to themselves and the `window` - 1 tokens before; 0: to all before.
double attended_in_window(std::int64_t seq_len, std::int64_t window);

double mamba_scan_flops(const Mamba2& mamba);

double head_flops(const ModelSpec& model);  // of the whole model

std::vector<FlopsTerm> video_terms(const ModelSpec& model, const VideoShape& shape, std::int64_t seq_len);  // all of it

}  // namespace perfbench
