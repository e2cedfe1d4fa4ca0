#include "harness/job_key.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

#include "harness/digest.h"
#include "job/module.h"

namespace perfbench {
namespace {

// The fields one after the other, each led by its kind and texts and lists by their length, so that no two jobs give
// one text. A struct is taken apart by a structured binding: a new member that is forgotten here does not compile.
class CanonicalText {
 public:
  template <typename... Values>
  void add(const Values&... values) {
    (add_one(values), ...);
  }
  const std::string& text() const { return text_; }

 private:
  void add_one(std::string_view value) { text_ += fmt::format("t{}:{}", value.size(), value); }
  void add_one(const std::string& value) { add_one(std::string_view(value)); }
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void add_one(T value) { text_ += fmt::format("i{};", static_cast<std::int64_t>(value)); }
  void add_one(double value) { text_ += fmt::format("d{:x};", std::bit_cast<std::uint64_t>(value)); }
  template <typename T>
  void add_one(const std::optional<T>& value) {
    text_ += value ? 's' : 'n';
    if (value) add_one(*value);
  }
  template <typename T>
  void add_one(const std::vector<T>& values) {
    text_ += fmt::format("l{};", values.size());
    for (const T& value : values) add_one(value);
  }

  template <typename... Sorts>
  void add_one(const std::variant<Sorts...>& value) {
    text_ += fmt::format("v{}:", value.index());
    std::visit([this](const auto& sort) { add_one(sort); }, value);
  }
  void add_one(const std::monostate&) {}
  template <typename Key, typename T>
  void add_one(const std::map<Key, T>& values) {
    add_one(static_cast<std::int64_t>(values.size()));
    for (const auto& [key, value] : values) add(key, value);
  }

  void add_one(const Rotary& rotary) {
    const auto& [share, theta, type, scaling] = rotary;
    add(share, theta, type, scaling);
  }
  void add_one(const Mask& mask) {
    const auto& [kind, tokens] = mask;
    add(kind, tokens);
  }
  void add_one(const Gqa& gqa) {
    const auto& [heads, kv_heads, head_dim, rotary, qk_norm, mask, sinks, bias, out_bias, packed_qkv] = gqa;
    add(heads, kv_heads, head_dim, rotary, qk_norm, mask, sinks, bias, out_bias, packed_qkv);
  }
  void add_one(const Mla& mla) {
    const auto& [heads, q_rank, kv_rank, qk_nope_dim, qk_rope_dim, v_dim, rotary, bias] = mla;
    add(heads, q_rank, kv_rank, qk_nope_dim, qk_rope_dim, v_dim, rotary, bias);
  }
  void add_one(const Mamba2& mamba) {
    const auto& [heads, groups, head_dim, state, conv_kernel, chunk] = mamba;
    add(heads, groups, head_dim, state, conv_kernel, chunk);
  }
  void add_one(const SelfAndCross& cross) {
    const auto& [heads, head_dim, qk_norm, bias] = cross;
    add(heads, head_dim, qk_norm, bias);
  }
  void add_one(const Dense& mlp) {
    const auto& [ffn, activation, gated, bias] = mlp;
    add(ffn, activation, gated, bias);
  }
  void add_one(const Moe& moe) {
    const auto& [experts, top_k, ffn, activation, gated, bias, normalised, shared] = moe;
    add(experts, top_k, ffn, activation, gated, bias, normalised, shared);
  }
  void add_one(const Norms& norms) {
    const auto& [before_mixer, after_mixer, before_mlp, after_mlp] = norms;
    add(before_mixer, after_mixer, before_mlp, after_mlp);
  }
  void add_one(const Residual& residual) {
    const auto& [parallel, scale] = residual;
    add(parallel, scale);
  }
  void add_one(const LayerSpec& layer) {
    const auto& [norms, residual, mixer, mlp] = layer;
    add(norms, residual, mixer, mlp);
  }
  void add_one(const VideoShape& video) {
    const auto& [text_dim, text_len, freq_dim, patch_elements] = video;
    add(text_dim, text_len, freq_dim, patch_elements);
  }
  void add_one(const ModelSpec& model) {
    const auto& [name, family, source, aliases, hidden, vocab, max_positions, learned_positions, tied_embeddings, norm,
                 norm_eps, kinds, layers, video] = model;
    static_cast<void>(source);  // a path, where the file names none
    add(name, family, aliases, hidden, vocab, max_positions, learned_positions, tied_embeddings, norm, norm_eps, kinds,
        layers, video);
  }

  void add_one(const RopeScaling& scaling) {
    const auto& [factor, low, high, positions] = scaling;
    add(factor, low, high, positions);
  }

  void add_one(const Sourced& number) {
    const auto& [value, source, prior] = number;
    static_cast<void>(prior);
    add(value, source);
  }
  void add_one(const SystemSpec& system) {
    const auto& [name, gpu, aliases, device_names, precisions, architecture, host, kernels, product_time, extends, bf16,
                 fp8, mxfp8, nvfp4, f32, memory, memory_bandwidth, cuda_memory, nvlink, nvlink_domain, nic, nics,
                 gpus_per_node, host_bandwidth, sms, l2] = system;
    add(name, gpu, aliases, device_names, precisions, architecture, host, kernels, product_time, extends, bf16, fp8,
        mxfp8, nvfp4, f32, memory, memory_bandwidth, cuda_memory, nvlink, nvlink_domain, nic, nics, gpus_per_node,
        host_bandwidth, sms, l2);
  }

  void add_one(const StackConstants& constants) {
    const auto& [gemm_bf16, gemm_fp8, gemm_ampere, gemm_blackwell, gemm_blackwell_ultra, attention, attention_between,
                 attention_early, tp_exposed, tp_exposed_overlapped, cp_exposed, op_gap_s, graphs_gap_factor,
                 dp_exposed, gemm_grouped, ep_all_to_all, ep_dedup, ep_network, ep_exposed_overlapped, host_attention,
                 host_moe, host_expert_fp8, host_expert_bf16, host_graphs, host_graphs_router, host_overlap, host_grace,
                 step_fixed_s, context, communicator, fragmentation, step_time_low, step_time_high] = constants;
    add(gemm_bf16, gemm_fp8, gemm_ampere, gemm_blackwell, gemm_blackwell_ultra, attention, attention_between,
        attention_early, tp_exposed, tp_exposed_overlapped, cp_exposed, op_gap_s, graphs_gap_factor, dp_exposed,
        gemm_grouped, ep_all_to_all, ep_dedup, ep_network, ep_exposed_overlapped, host_attention, host_moe,
        host_expert_fp8, host_expert_bf16, host_graphs, host_graphs_router, host_overlap, host_grace, step_fixed_s,
        context, communicator, fragmentation, step_time_low, step_time_high);
  }
  void add_one(const Stack& stack) {
    const auto& [name, source, aliases, extends, preferred, layer_split, ga, flops_convention, sequence_parallel,
                 distributed_optimizer, fsdp_always, grad_reduce, param_gather, tp_overlap, tp_overlap_exceptions,
                 fp8_params, regather, fused_accumulation, fused_adapters, dummy_weight_grads, main_grad,
                 master_weights, optimizer_state, precision_aware_optimizer, params, bucket_elements, attention_kernels,
                 eager_cross_entropy, packed_fine_tuning, lora_targets, recast, fsdp_with_pp, fsdp_reshard, fsdp_defer,
                 recompute_whole_layer, selective, moe_gate, moe_dispatcher, moe_capacity, default_etp, constants,
                 fitted] = stack;
    static_cast<void>(fitted);  // what the constants came from
    add(name, source, aliases, extends, preferred, layer_split, ga, flops_convention, sequence_parallel,
        distributed_optimizer, fsdp_always, grad_reduce, param_gather, tp_overlap, tp_overlap_exceptions, fp8_params,
        regather, fused_accumulation, fused_adapters, dummy_weight_grads, main_grad, master_weights, optimizer_state,
        precision_aware_optimizer, params, bucket_elements, attention_kernels, eager_cross_entropy, packed_fine_tuning,
        lora_targets, recast, fsdp_with_pp, fsdp_reshard, fsdp_defer, recompute_whole_layer, selective, moe_gate,
        moe_dispatcher, moe_capacity, default_etp, constants);
  }

  void add_one(const ParallelLayout& layout) {
    const auto& [tp, pp, cp, vp, ep, etp, dp, fsdp, fsdp_size] = layout;
    add(tp, pp, cp, vp, ep, etp, dp, fsdp, fsdp_size);
  }
  void add_one(const ChunkLayers& chunk) {
    const auto& [first, count, embedding, head] = chunk;
    add(first, count, embedding, head);
  }
  void add_one(const Lora& lora) {
    const auto& [rank, alpha, targets] = lora;
    add(rank, alpha, targets);
  }
  void add_one(const Job& job) {
    const auto& [model, system, stack, task, precision, num_gpus, gbs, mbs, lbs, seq_len, layout, num_microbatches,
                 num_flushes, ga, chunks, lora, packed, cuda_graphs, gate, dispatcher, expert_capacity, gate_imbalance,
                 graph_modules, ep_overlap, recompute_layers, offload_layers, recompute_modules, recompute_ops, origins,
                 notes] = job;
    static_cast<void>(origins);
    add(model, system, stack, task, precision, num_gpus, gbs, mbs, lbs, seq_len, layout, num_microbatches, num_flushes,
        ga, chunks, lora, packed, cuda_graphs, gate, dispatcher, expert_capacity, gate_imbalance,
        words_of(graph_modules, kGraphWords), ep_overlap, recompute_layers, offload_layers, recompute_modules,
        recompute_ops, notes);
  }

  std::string text_;
};

}  // namespace

std::string job_key(const Job& job, std::string_view made_with) {
  CanonicalText text;
  text.add(job, made_with);
  return digest(text.text());
}

}  // namespace perfbench
