// The linear layers of a model: the one place that writes their sizes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "job/model_spec.h"

namespace perfbench {

// One side of a linear, of the whole model.
struct Features {
  std::string_view name;  // "heads x head_dim", for messages
  std::int64_t size = 0;
  std::int64_t unit = 1;  // dealt out to ranks in whole units: a head
};

enum class Split : std::uint8_t { none, in, out };         // which side is dealt out over the ranks
enum class Width : std::uint8_t { f32, wide, quantised };  // f32: routers; wide: never in FP8

struct LinearSpec {
  std::string_view module;  // "self_attn.q_proj", as transformers' Llama names its own; {e} is an expert's number
  Features in, out;
  Split split = Split::none;
  int experts = 0;  // one for each of so many, split over etp; 0: a dense linear, split over tp
  Width compute = Width::quantised;
  bool bias = false;

  std::int64_t weights() const { return in.size * out.size * (experts > 0 ? experts : 1); }
  std::string_view target() const { return module.substr(module.rfind('.') + 1); }  // "q_proj"
};

// Of a block of a model of width `hidden`, in the model's order.
std::vector<LinearSpec> linears(std::int64_t hidden, const Gqa& gqa);  // q, k, v, output
std::vector<LinearSpec> linears(std::int64_t hidden, const Mla& mla);
std::vector<LinearSpec> linears(std::int64_t hidden, const Mamba2& mamba);  // in, out
std::vector<LinearSpec> linears(std::int64_t hidden, const SelfAndCross& cross);
std::vector<LinearSpec> linears(std::int64_t hidden, const Dense& dense);  // gate where gated, up, down
std::vector<LinearSpec> linears(std::int64_t hidden, const Moe& moe);      // router, experts, shared experts
std::vector<LinearSpec> linears(const ModelSpec& model, const LayerSpec& layer);

// What one of `ranks` ranks holds of a side that is dealt out over them. Where there are fewer units than ranks, each
// rank holds a whole one.
std::int64_t local_size(const Features& features, int ranks);

}  // namespace perfbench
