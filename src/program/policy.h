// What a builder must know besides shapes: precision and the stack's ways, reduced to what changes a Program.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "job/job.h"
#include "job/module.h"

namespace perfbench {

// What the backward computes again instead of reading what the forward saved; in every layer, or whole layers.
struct Recompute {
  int layers = 0;       // the first of each chunk, whole; more than it has: all
  ModuleSet modules{};  // of every layer
  bool ops = false;     // of every layer, all but attention, every second matrix product and what is reduce-scattered
  bool whole = false;   // every op of what is computed again runs, those nobody reads, too
  bool any() const { return layers > 0 || !modules.empty() || ops; }
};

struct Policy {
  DType dtype = DType::bf16;  // of weights and activations
  bool fp8 = false;           // linear layers run in FP8 with current scaling; head, embedding and attention stay BF16
  bool fp8_transposes =
      false;                   // FP8 products need both operands contiguous along the summed dim: copies are transposed
  bool fp8_held = false;       // linear weights are kept and gathered in FP8
  bool adapters_only = false;  // adapters are trained, all other weights are frozen
  bool recast_frozen = false;  // frozen weights are cast to FP8 with every microbatch, not once a step
  bool sequence_parallel = false;
  bool regather = true;  // the gathered input of a linear is gathered again in the backward, not saved
  bool fused_grad_accumulation = true;
  bool fused_adapter_gradients = false;
  bool eager_cross_entropy = false;  // the loss keeps the log-probabilities of all tokens in float32
  bool dummy_weight_grads = false;   // fused weight gradients leave one buffer of each shape of weights
  DType main_grad = DType::bf16;
  DType reduced_grad = DType::bf16;  // FSDP: in which gradients are summed over the ranks that share parameters
  bool distributed_optimizer = true;
  std::int64_t bucket_elements = 0;   // 0: one bucket per chunk
  bool master_weights = true;         // FP32 copies of the weights; never of weights that are FP32 themselves
  DType moments = DType::f32;         // of the optimizer
  std::int64_t optimizer_bytes = 12;  // per parameter: master copy and the two moments
  bool fsdp = false;                  // parameters are sharded over dp x cp; so are the optimizer's states then
  bool fsdp_f32 = false;              // the shares are float32; whole weights are of `dtype`
  bool fsdp_reshard = false;          // weights that were gathered for the forward are gathered again for the backward
  bool fsdp_keep = false;             // weights are gathered once a step: microbatches in flight share one whole copy
  bool fsdp_defer_reduce = false;     // whole main gradients are kept, and reduced after the last microbatch
  Gate gate = Gate::topk;
  Dispatcher dispatcher = Dispatcher::all_to_all;
  double expert_capacity = 0.0;  // rows that an expert takes over those of a balanced gate; 0: all that come
  Recompute recompute{};
  int offload_layers = 0;  // the first of each chunk: what they save waits in host memory

  // FSDP: what is gathered of a layer is a value that the microbatch saves.
  bool weights_saved() const { return fsdp && !fsdp_reshard && !fsdp_keep; }
};

// FP8 products before Blackwell take operands in one order only; the block formats came with Blackwell.
Policy policy_of(const Job& job);

}  // namespace perfbench
