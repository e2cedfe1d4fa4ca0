// The summands of the closed forms: FLOPs per token of a whole training step, forward and backward, of one layer unless
// said otherwise. `attended` is how many tokens the average token attends to.
#pragma once

#include <cstdint>
#include <vector>

#include "cost/model_flops.h"
#include "job/model_spec.h"

namespace perfbench {

// A weight costs one multiply and one add in the forward pass, and twice that in the backward pass.
inline constexpr double kFlopsPerWeight = 2.0 * 3.0;

double attention_projection_flops(const ModelSpec& model);
double attention_score_flops(const ModelSpec& model, double attended);

double latent_projection_flops(const ModelSpec& model, const MlaShape& shape);
double latent_score_flops(const ModelSpec& model, const MlaShape& shape, double attended);

// Mean over a sequence whose tokens attend to themselves and the `window` - 1 tokens before; 0: to all before.
double attended_in_window(std::int64_t seq_len, std::int64_t window);

double mamba_projection_flops(const ModelSpec& model, const MambaShape& shape);
double mamba_scan_flops(const MambaShape& shape);

double dense_mlp_flops(const ModelSpec& model, bool gated);
double expert_flops(const ModelSpec& model, const MoeShape& shape);  // routed and shared, without the router
double router_flops(const ModelSpec& model, const MoeShape& shape);

double head_flops(const ModelSpec& model);  // of the whole model

std::vector<FlopsTerm> video_terms(const ModelSpec& model, const VideoShape& shape, std::int64_t seq_len);  // all of it

}  // namespace perfbench
