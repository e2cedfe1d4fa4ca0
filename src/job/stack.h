// Whose software a Program stands for: its policies, its features, and the constants that were fitted for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "job/architecture.h"
#include "job/extended_json.h"
#include "job/flops_convention.h"
#include "job/sourced.h"
#include "job/system_spec.h"
#include "job/terms.h"

namespace perfbench {

// How layers are dealt out to the pp x vp chunks; a stack lists the policies it tries, in order.
enum class LayerSplit {
  even,                          // layers / chunks, no remainder
  embedding_and_loss_as_layers,  // the embedding and the loss each take one layer's place
  loss_as_layer,                 // the loss takes one layer's place
  uneven                         // the remainder goes to the first chunks; no chunk is empty
};

// What selective recomputation (--recompute selective) keeps of a layer and what it computes again.
enum class SelectiveRecompute {
  core_attn,            // the core of attention is computed again, as Megatron-Core does
  every_second_product  // attention and every second matrix product are kept, all else is computed again
};

// What a stack prints as gradient accumulation steps.
enum class GaMeans { microbatches_per_step, flushes_per_step };

// Which attention kernels a release has for an architecture: their tuning came some releases after the architecture.
enum class AttentionKernels {
  tuned,    // what the constant `attention` stands for
  between,  // some of the tuning
  early     // before the tuned kernels
};

// Numbers fitted or assumed for the stack; the file gives each one a source. What is physics and no software is said
// once, in model_configs/physics.json, and every stack has it.
struct StackConstants {
  double gemm_bf16 = 1.0;  // rate of a training GEMM over the measured inference GEMM of that shape, BF16
  double gemm_fp8 = 1.0;   // the same, FP8
  // Time of a product beside that of Hopper at the same share of the data sheet's peak.
  double gemm_time_ampere = 1.0, gemm_time_blackwell = 1.0, gemm_time_blackwell_ultra = 1.0;
  double attention = 1.0;                                           // the same as gemm_bf16, of attention forward
  double attention_time_between = 1.0, attention_time_early = 1.0;  // beside that of the tuned kernels
  double tp_exposed = 1.0;             // share of a tp collective's time that is not hidden by chunked overlap
  double tp_exposed_overlapped = 1.0;  // the same where GEMM and collective overlap by user buffers
  double cp_exposed = 1.0;             // share of the ring's time that attention does not hide
  double op_gap_s = 0.0;               // launch gap before each compute op
  double graphs_gap_factor = 1.0;      // what CUDA graphs leave of that gap
  // What traffic beside compute takes from it: this share of the time that its bytes take within an NVLink domain.
  double dp_exposed = 0.0;
  double gemm_grouped = 1.0;  // rate of a product over several experts beside that of one of an expert's sizes
  // Time of the dispatch of experts' rows beside an all-to-all of NCCL's: within an NVLink domain, by dispatcher, and
  // between domains; share of it that is exposed where it runs beside another microbatch's compute.
  double ep_all_to_all = 1.0, ep_dedup = 1.0, ep_network = 1.0;
  double ep_exposed_overlapped = 1.0;
  // What the host needs to launch a layer with experts, for one microbatch, forward, backward and recomputation
  // together: of its attention, of what is around the experts, and of each local expert.
  double host_attention_s = 0.0, host_moe_s = 0.0, host_expert_fp8_s = 0.0, host_expert_bf16_s = 0.0;
  double host_graphs = 1.0;         // what a CUDA graph leaves of the host's time for what it holds
  double host_graphs_router = 1.0;  // what one of router and preprocessing leaves of that around the experts
  double host_overlap = 1.0;        // beside it where the dispatch runs beside another microbatch's compute
  double host_grace = 1.0;          // of a Grace CPU beside x86
  double step_fixed_s = 0.0;        // once per optimizer step: clipping, logging, data
  double context_bytes = 0.0;       // of a GPU: CUDA context, loaded kernels, library workspaces
  double communicator_bytes = 0.0;  // buffers of one NCCL communicator on one GPU
  double fragmentation = 0.0;       // what the allocator leaves unused, as a share of the values of a step
  // Published step times over predicted ones, of rows left out of the fit: the 10th and the 90th percentile.
  double step_time_low = 1.0, step_time_high = 1.0;

  bool operator==(const StackConstants&) const = default;
};

// A constant that scripts/fit_stacks.py fits to published rows.
struct FittedConstant {
  std::string key;    // "gemm_fp8"
  std::string owner;  // the stack whose file states it, or "physics": stacks that inherit it share one value
  double StackConstants::*member = nullptr;
  Prior prior;
};

struct Stack {
  std::string name;
  std::string source;                // of what this file says itself
  std::vector<std::string> aliases;  // "megatron"
  std::vector<std::string> extends;  // the stack that this one extends, the one that that one extends, ...
  bool preferred = false;            // its config rows come before those of other stacks where nobody asks for one
  std::vector<LayerSplit> layer_split;
  GaMeans ga = GaMeans::microbatches_per_step;
  FlopsConvention flops_convention = FlopsConvention::nemo_25_04;  // of the TFLOP/s that its rows print

  bool sequence_parallel = true;      // activations between blocks are split over tp
  bool distributed_optimizer = true;  // optimizer states are split over dp
  bool fsdp_always = false;           // parameters are sharded over dp in every job of more than one dp rank
  bool overlap_grad_reduce = true;
  bool overlap_param_gather = true;
  bool tp_overlap = false;                         // GEMM and tp collective overlap by user buffers
  std::vector<std::string> tp_overlap_exceptions;  // model families without it
  bool fp8_params = false;                         // linear weights are held and gathered in FP8
  bool regather_in_backward = true;     // the gathered input of a column-parallel linear is gathered again, not saved
  bool fused_grad_accumulation = true;  // the weight-gradient GEMM adds into the main gradient
  // An adapter's two gradients are one kernel, and the gradient of its input is added inside a product.
  bool fused_adapter_gradients = false;
  // A fused weight gradient leaves a dummy behind: one buffer of each shape of weights, in their dtype.
  bool dummy_weight_grads = false;
  DType main_grad_dtype = DType::bf16;
  bool master_weights = true;                // FP32 master copy of the parameters
  DType optimizer_state_dtype = DType::f32;  // of each of the two moments
  // Precisions whose optimizer keeps of an FP32 master weight the 16 bits that the BF16 weight has not.
  std::vector<Precision> precision_aware_optimizer;
  // In which parameters are kept. f32: shares of FSDP are their own masters and are rounded where they are gathered;
  // others have a master copy.
  DType param_dtype = DType::bf16;
  std::int64_t bucket_elements = 0;                            // of a gradient bucket; 0: one bucket per chunk
  std::map<Architecture, AttentionKernels> attention_kernels;  // tuned where the architecture is not named

  bool eager_cross_entropy = false;       // the loss is a chain of kernels on FP32 copies of the logits, not one kernel
  bool packed_fine_tuning = false;        // sft and lora run on packs of sub-sequences, else on full samples
  std::vector<std::string> lora_targets;  // of a job that names none; words of Lora::targets
  bool recast_frozen_weights = false;     // frozen weights are cast to FP8 with every microbatch, not once a step
  bool fsdp_with_pp = false;              // parameters can be sharded in a pipeline
  bool fsdp_reshard_after_forward = false;  // gathered weights are dropped after the forward and gathered again
  bool fsdp_defer_grad_reduce = false;      // whole main gradients are kept and reduced after the last microbatch only
  bool recompute_whole_layer = false;       // full recompute runs every op of a layer again, those nobody reads, too
  SelectiveRecompute selective_recompute = SelectiveRecompute::core_attn;

  Gate moe_gate = Gate::random;  // of a job that asks for none
  Dispatcher moe_dispatcher = Dispatcher::all_to_all;
  double moe_capacity = 0.0;  // 0: no token is dropped
  int default_etp = 0;        // experts' tp of a job that asks for none; 0: as tp

  StackConstants constants;
  std::vector<FittedConstant> fitted;  // those of the constants that have a prior
};

// What the file says and inherits, the physics constants among it. Throws InputError as read_extended() does.
ExtendedJson read_stack_json(const std::filesystem::path& path, const std::filesystem::path& data);

// Reads the file, what it extends in <data>/stacks, and <data>/physics.json. Throws InputError with every problem.
Stack read_stack(const std::filesystem::path& path, const std::filesystem::path& data);

// The constants as they are on a system: its level of products and its architecture's attention kernels are in gemm_*
// and attention, and those that say them are 1.
StackConstants constants_on(const Stack& stack, const SystemSpec& system);

}  // namespace perfbench
