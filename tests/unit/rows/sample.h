// A job with small round numbers, and a row of it with every value set.
#pragma once

#include "rows/row.h"
#include "unit/support/layers.h"

namespace perfbench {

// 8 GPUs, tp 2 x pp 2 x dp 2, one step is 16 samples of 1000 tokens: 2000 tokens per GPU.
inline Job sample_job() {
  Job job;
  job.model.name = "tiny";
  job.model.aliases = {"Tiny 1B 2-node"};
  job.model.hidden = 8;
  job.model.vocab = 10;
  set_layers(job.model, {.heads = 4, .kv_heads = 2, .head_dim = 2, .rotary = Rotary{}}, {.ffn = 16}, 2);
  job.system.name = "h100";
  job.system.peak_bf16_flops_per_s.value = 989e12;
  job.stack.name = "megatron";
  job.num_gpus = 8;
  job.gbs = 16;
  job.mbs = 1;
  job.lbs = 8;
  job.seq_len = 1000;
  job.layout = {.tp = 2, .pp = 2, .cp = 1, .vp = 1, .ep = 1, .etp = 1, .dp = 2, .fsdp = false};
  job.ga = 8;
  job.origins = {{"tp", "flag -tp"}, {"gbs", "table.csv:3"}};
  job.notes = {"a note"};
  return job;
}

inline PublishedRow sample_published() {
  PublishedRow row;
  row.row = "001-01";
  row.source = "table.csv:2";
  row.section = "Pre-training > H100";
  row.model = "Tiny 1B 2-node";
  row.system = "h100";
  row.task = Task::pretrain;
  row.precision = Precision::bf16;
  row.stack = "megatron";
  row.num_gpus = 8;
  row.gbs = 16;
  row.mbs = 1;
  row.seq_len = 1000;
  row.tp = 2;
  row.pp = 2;
  row.tokens_per_s_per_gpu = 1000.0;
  row.corrections = {{"GBS", "1", "16", "GBS and MBS are swapped."}};
  return row;
}

// 2.5 s a step: 800 tokens per second and GPU.
inline Row sample_row() {
  const Job job = sample_job();
  Row row = row_of(job);
  set_step_time(row, job, 2.5);
  row.cuda_graphs = true;
  row.packed = true;
  row.fsdp_size = 2;
  row.fsdp_reshard = true;
  row.defer_grad_sync = false;
  row.recompute = "full";
  row.recompute_layers = 1;
  row.offload_layers = 0;
  row.recompute_modules = {"core_attn", "mlp"};
  row.moe_gate = "random", row.moe_dispatcher = "dedup";
  row.moe_capacity = 1.25, row.gate_imbalance = 0.5, row.ep_overlap = true;
  row.cuda_graph_modules = {"attn", "moe_router"};
  row.lora_rank = 16;
  row.lora_alpha = 32.5;
  row.lora_targets = {"q_proj"};
  row.step_time_low_s = 2.25;
  row.step_time_high_s = 3.0;
  row.measured_s = 1.75;
  row.modelled_s = 0.75;
  row.step_time_mad_s = 0.25;
  row.step_time_cv = 0.125;
  row.rank_spread = 1.5;
  row.window = "steps 11-13 of 13";
  row.loss_ok = true;
  row.throttled = false;
  row.sm_clock_mhz = 1755;
  row.power_w = 650.5;
  row.temperature_c = 64;
  row.samples_s = {2.25, 2.5, 3.0};
  row.repeats_s = {2.5, 2.75, 2.25};
  row.breakdown = {{"matmul", 1.5}, {"tp, exposed", 0.75}, {"bubble", 0.25}};
  row.memory = {{0, "parameters", 10.5}, {0, "activations", 20.25}, {1, "parameters", 11.0}};
  row.peak_memory_gib = 30.75;
  row.memory_headroom_gib = 43.5;
  row.fits_with = FitsWith{.flags = "-mb 1, \"-tp 4\"", .peak_memory_gib = 29.5, .step_time_s = 2.75};
  row.predicted_memory = {{0, "parameters", 10.25}, {1, "parameters", 11.5}};
  row.predicted_peak_memory_gib = 11.5;
  row.published = sample_published();
  row.ratio_to_published = 0.8;
  row.row_choice = "table.csv:3, the only row that has \"tp 2\", and fits";
  row.run = "0123456789ab";
  return row;
}

}  // namespace perfbench
