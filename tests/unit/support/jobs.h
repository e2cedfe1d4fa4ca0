// Jobs for tests: tiny ones made by hand, and real ones from the repository's model_configs.
#pragma once

#include <filesystem>
#include <string>

#include "job/catalog.h"
#include "job/job.h"
#include "job/resolve.h"
#include "unit/support/layers.h"

namespace perfbench {

struct TestLayout {
  int tp = 1, pp = 1, vp = 1, dp = 1;
};

// H 64, F 96, 8 heads and 4 key/value heads of 8, vocabulary 1000.
inline ModelSpec tiny_model(int num_layers) {
  ModelSpec model;
  model.name = "tiny";
  model.family = "llama";
  model.hidden = 64;
  model.vocab = 1000;
  const Gqa gqa{.heads = 8, .kv_heads = 4, .head_dim = 8, .rotary = Rotary{}};
  set_layers(model, gqa, {.ffn = 96}, num_layers);
  return model;
}

// Gradients and their sums in BF16, FP32 states, weights of linears held in FP8 where the precision is FP8.
inline Stack tiny_stack() {
  Stack stack;
  stack.name = "test";
  stack.layer_split = {LayerSplit::even};
  stack.fp8_params = true;
  return stack;
}

inline SystemSpec tiny_system(bool block_formats = false) {
  SystemSpec system;
  system.name = block_formats ? "blackwell" : "hopper";
  system.precisions = {Precision::bf16, Precision::fp8cs};
  system.architecture = block_formats ? Architecture::blackwell : Architecture::hopper;
  if (block_formats) system.precisions.push_back(Precision::mxfp8);
  return system;
}

// One sample of 32 tokens a microbatch.
inline Job tiny_job(int num_layers, const TestLayout& layout, int microbatches = 8) {
  Job job;
  job.model = tiny_model(num_layers);
  job.system = tiny_system();
  job.stack = tiny_stack();
  job.layout.tp = layout.tp;
  job.layout.pp = layout.pp;
  job.layout.vp = layout.vp;
  job.layout.dp = layout.dp;
  job.num_gpus = layout.tp * layout.pp * layout.dp;
  job.seq_len = 32;
  job.num_microbatches = microbatches;
  job.lbs = microbatches;
  job.gbs = std::int64_t{microbatches} * layout.dp;
  job.chunks = split_layers(num_layers, layout.pp * layout.vp, LayerSplit::even).value();
  return job;
}

struct RealJob {
  std::string model = "llama3_8b", system = "h100", stack = "megatron", dtype = "bf16";
  TestLayout layout{};
  int microbatches = 8;
  std::int64_t seq_len = 8192;
  bool fsdp = false;
  int ep = 1;
};

// Through make_job, with one sample a microbatch.
inline Job real_job(const RealJob& asked) {
  static const Catalog catalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  const TestLayout& layout = asked.layout;
  Request request;
  request.model = asked.model;
  request.system = asked.system;
  request.stack = asked.stack;
  request.task = Task::pretrain;
  request.dtype = asked.dtype;
  request.num_gpus = layout.tp * layout.pp * layout.dp;
  request.gbs = std::int64_t{asked.microbatches} * layout.dp;
  request.mbs = 1;
  request.seq_len = asked.seq_len;
  request.tp = layout.tp;
  request.pp = layout.pp;
  request.vp = layout.vp;
  request.fsdp = asked.fsdp;
  request.ep = asked.ep;
  return make_job(request, catalog);
}

}  // namespace perfbench
