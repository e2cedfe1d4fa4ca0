// One validated request: everything that a Program, a simulation or a run needs to know.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "job/layer_split.h"
#include "job/model_spec.h"
#include "job/module.h"
#include "job/stack.h"
#include "job/system_spec.h"
#include "job/terms.h"

namespace perfbench {

// Sizes of the parallel axes. tp * pp * cp * dp is the number of GPUs; experts use ep * etp * pp * edp of the same
// GPUs.
struct ParallelLayout {
  int tp = 1, pp = 1, cp = 1, vp = 1, ep = 1, etp = 1, dp = 1;
  bool fsdp = false;  // parameters are sharded over dp x cp
  // Consecutive ranks of dp x cp that share one copy of them between each other; fewer than all: HSDP, with replicas.
  // 0: all.
  int fsdp_size = 0;
};

// Low-rank adapters (Hu et al. 2021): beside each target y = W x a trained (alpha / rank) B A x; all else is frozen.
struct Lora {
  int rank = 16;
  double alpha = 32.0;
  // "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", as peft names modules; "qkv_proj" is
  // one adapter for q, k and v together, as NeMo's linear_qkv.
  std::vector<std::string> targets;
};

struct Job {
  ModelSpec model;
  SystemSpec system;
  Stack stack;  // the catalog's, with the policies that the request sets otherwise
  Task task = Task::pretrain;
  Precision precision = Precision::bf16;
  int num_gpus = 1;
  std::int64_t gbs = 1;      // samples per global step
  std::int64_t mbs = 1;      // samples per microbatch
  std::int64_t lbs = 1;      // samples per dp rank and pipeline flush
  std::int64_t seq_len = 1;  // tokens per sample
  ParallelLayout layout;
  int num_microbatches = 1;         // per flush: lbs / mbs
  int num_flushes = 1;              // gbs / (lbs * dp)
  int ga = 1;                       // as the stack prints it
  std::vector<ChunkLayers> chunks;  // pp * vp entries; chunk c of stage s is entry c * pp + s
  std::optional<Lora> lora;         // of task lora
  bool packed = false;              // samples are packs of sub-sequences that do not see each other
  bool cuda_graphs = false;
  Gate gate = Gate::topk;  // who chooses experts, and how tokens reach them
  Dispatcher dispatcher = Dispatcher::all_to_all;
  // Rows that an expert takes over those of a balanced gate: what is over is dropped, what is under is padded. 0: all
  // that come.
  double expert_capacity = 0.0;
  double gate_imbalance = 0.0;  // standard deviation over mean of the experts' loads that is predicted for
  ModuleSet graph_modules{};    // parts of a layer that CUDA graphs hold; empty with cuda_graphs: whole layers
  bool ep_overlap = false;      // the experts' all-to-all runs beside another microbatch's compute
  int recompute_layers = 0;     // of each chunk: its first layers are recomputed as a whole; more than it has: all
  int offload_layers = 0;
  std::vector<std::string> recompute_modules;  // parts of every layer that are recomputed: "core_attn", "mlp", ...
  bool recompute_ops = false;                  // SelectiveRecompute::every_second_product in every layer

  // Where each value came from, by the names of rows ("tp", "gbs", ...): "flag", "model_configs_h100.csv:14", "rule:
  // ...".
  std::map<std::string, std::string> origins;
  std::vector<std::string>
      notes;  // what the reader of the row should know: a borrowed constant, a missing data-sheet number
};

}  // namespace perfbench
