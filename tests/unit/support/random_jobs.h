// Jobs of random models, layouts and stacks: everything that has a Program, drawn from a seed.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "job/catalog.h"
#include "job/job.h"
#include "job/lora_targets.h"
#include "unit/support/jobs.h"

namespace perfbench {

class RandomJobs {
 public:
  explicit RandomJobs(unsigned seed)
      : random_(seed), catalog_(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs") {
    for (const char* name : {"llama3_8b", "llama3_70b", "llama31_405b", "gpt3_175b", "nemotron4_15b", "nemotron4_340b",
                             "qwen2p5_7b", "qwen3_8b"}) {
      models_.push_back(catalog_.model(name, "RandomJobs"));
    }
    for (const std::string& name : catalog_.stack_names()) stacks_.push_back(catalog_.stack(name, "RandomJobs"));
  }

  // 0 <= below(n) < n
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool flip() { return below(2) == 0; }
  template <class List>
  auto pick(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(std::size(list))))];
  }

  // Without recomputation.
  Job next() {
    Job job;
    job.system = tiny_system(flip());
    job.precision = flip() ? Precision::bf16 : Precision::fp8cs;
    job.stack = stack();
    job.model = flip() ? pick(models_) : small_model();
    ParallelLayout& layout = job.layout;
    layout.tp = pick(std::array{1, 1, 2, 4});
    layout.cp = pick(std::array{1, 1, 2});
    layout.pp = pick(std::array{1, 1, 2, 4});
    layout.vp = layout.pp > 1 ? 1 + below(2) : 1;
    layout.dp = pick(std::array{1, 2, 4});
    layout.fsdp = flip();
    job.num_gpus = layout.tp * layout.cp * layout.pp * layout.dp;
    const int num_chunks = layout.pp * layout.vp;
    job.model.layers.assign(static_cast<std::size_t>(num_chunks * (1 + below(3)) + below(2)), 0);
    job.chunks = split_layers(job.model.num_layers(), num_chunks, LayerSplit::uneven).value();
    job.seq_len = pick(std::array{16, 64, 1024, 8192});
    job.mbs = 1 + below(2);
    job.num_microbatches = layout.pp * (1 + below(3));
    job.lbs = job.mbs * job.num_microbatches;
    job.gbs = job.lbs * layout.dp;
    job.packed = below(4) == 0;
    if (below(3) == 0) add_adapters(job);
    return job;
  }

  // Parts of a layer, each with those before it.
  std::vector<std::string> modules() {
    std::vector<std::string> words = {"core_attn", "layernorm", "mlp", "act"};
    std::shuffle(words.begin(), words.end(), random_);
    return words;
  }

 private:
  // One of those that there are, or one of no one's.
  Stack stack() {
    Stack stack = pick(stacks_);
    if (flip()) return stack;
    for (bool* way : {&stack.sequence_parallel, &stack.distributed_optimizer, &stack.fp8_params,
                      &stack.regather_in_backward, &stack.fused_grad_accumulation, &stack.recast_frozen_weights,
                      &stack.fsdp_reshard_after_forward, &stack.fsdp_defer_grad_reduce, &stack.recompute_whole_layer}) {
      *way = flip();
    }
    return stack;
  }

  ModelSpec small_model() {
    ModelSpec model = tiny_model(1);
    model.hidden = 64 * (1 + below(4));
    Gqa& gqa = gqa_of(model);
    Dense& mlp = dense_of(model);
    mlp.ffn = 32 * (1 + below(16));
    gqa.kv_heads = pick(std::array{4, 8});
    gqa.head_dim = pick(std::array{8, 32});
    model.tied_embeddings = flip();
    gqa.bias = flip();
    gqa.out_bias = flip();
    mlp.bias = flip();
    if (flip()) gqa.qk_norm = HeadNorm::per_head;
    mlp.gated = flip();
    if (!mlp.gated) mlp.activation = Activation::gelu;
    model.norm = pick(std::array{Norm::rms, Norm::layer, Norm::layer1p});
    return model;
  }

  void add_adapters(Job& job) {
    const std::vector<LoraTarget> targets = lora_targets(job.model);
    if (targets.empty()) return;
    Lora lora;
    lora.rank = pick(std::array{4, 16});
    for (const LoraTarget& target : targets) {
      if (flip()) lora.targets.push_back(target.name);
    }
    if (lora.targets.empty()) lora.targets.emplace_back(kPackedQkv);
    job.task = Task::lora;
    job.lora = lora;
  }

  std::mt19937 random_;
  Catalog catalog_;
  std::vector<ModelSpec> models_;
  std::vector<Stack> stacks_;
};

}  // namespace perfbench
