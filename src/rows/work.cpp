#include "rows/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/text.h"
#include "job/module.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 3> kNorms{"rms", "layer", "layer1p"};
constexpr std::array<std::string_view, 4> kQkNorms{"none", "per_head", "all_heads", "bare"};
constexpr std::array<std::string_view, 4> kActivations{"silu", "gelu", "gelu_tanh", "relu2"};
constexpr std::array<std::string_view, 3> kMasks{"causal", "window", "chunk"};

std::string text_of(const std::string& text) { return text; }
std::string text_of(std::string_view text) { return std::string(text); }
std::string text_of(bool flag) { return flag ? "1" : "0"; }
std::string text_of(double number) { return format_double(number); }
template <typename Count>
requires std::is_integral_v<Count> std::string text_of(Count count) { return std::to_string(count); }

template <std::size_t n, typename Enum>
std::string_view word(const std::array<std::string_view, n>& words, Enum value) {
  return words.at(static_cast<std::size_t>(value));
}

struct PartName {
  std::string_view operator()(const std::monostate&) const { return "none"; }
  template <class Part>
  std::string_view operator()(const Part&) const {
    return Part::kName;
  }
};
std::string_view part_name(const auto& part) { return std::visit(PartName{}, part); }

// "60 x mla/moe" for each run of equal ones.
std::string runs(const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < words.size();) {
    const auto end = std::find_if(words.begin() + static_cast<std::ptrdiff_t>(i), words.end(),
                                  [&](const std::string& other) { return other != words[i]; });
    const auto count = static_cast<std::size_t>(end - words.begin()) - i;
    parts.push_back(fmt::format("{} x {}", count, words[i]));
    i += count;
  }
  return parts.empty() ? "none" : join(parts, ", ");
}

// In an order of its own: which part is named first changes nothing.
std::string set_text(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words.empty() ? "none" : join(words, "/");
}

bool uniform(const std::vector<std::string>& texts) {
  return std::ranges::all_of(texts, [&](const std::string& text) { return text == texts.front(); });
}

template <typename... Values>
void change_no_work(const Values&...) {}

// The values of a model's layers, each with its texts in the order of the layers that have it. Structs are taken apart
// as in WorkList.
struct LayerWords {
  std::vector<std::pair<std::string_view, std::vector<std::string>>> values;

  void add(const LayerSpec& layer) {
    const auto& [norms, residual, mixer, mlp] = layer;
    std::visit([this](const auto& sort) { add(sort); }, mixer);
    std::visit([this](const auto& sort) { add(sort); }, mlp);
    const auto& [before_mixer, after_mixer, before_mlp, after_mlp] = norms;
    put("norms", fmt::format("{:d}{:d}/{:d}{:d}", before_mixer, after_mixer, before_mlp, after_mlp));
    const auto& [parallel, scale] = residual;
    change_no_work(scale);  // a factor
    put("parallel_residual", parallel);
  }

 private:
  template <typename Value>
  void put(std::string_view name, const Value& value) {
    auto known = std::ranges::find_if(values, [&](const auto& entry) { return entry.first == name; });
    if (known == values.end()) known = values.insert(known, {name, {}});
    known->second.push_back(text_of(value));
  }

  void add(const std::monostate&) {}
  void add(const Rotary& rotary) {
    const auto& [share, theta, type, scaling] = rotary;
    change_no_work(theta, type, scaling);
    put("rotary_share", share);
  }
  void add(const Gqa& gqa) {
    const auto& [heads, kv_heads, head_dim, rotary, qk_norm, mask, sinks, bias, out_bias, packed_qkv] = gqa;
    put("heads", heads);
    put("kv_heads", kv_heads);
    put("head_dim", head_dim);
    put("attention_bias", bias);
    put("output_bias", out_bias);
    put("packed_qkv", packed_qkv);
    put("qk_norm", word(kQkNorms, qk_norm));
    add(rotary.value_or(Rotary{.share = 0.0}));
    put("mask",
        mask.kind == Mask::Kind::causal ? "causal" : fmt::format("{} {}", word(kMasks, mask.kind), mask.tokens));
    put("sinks", sinks);
  }
  void add(const Mla& mla) {
    const auto& [heads, q_rank, kv_rank, qk_nope_dim, qk_rope_dim, v_dim, rotary, bias] = mla;
    put("heads", heads);
    put("q_rank", q_rank);
    put("kv_rank", kv_rank);
    put("qk_nope_dim", qk_nope_dim);
    put("qk_rope_dim", qk_rope_dim);
    put("v_dim", v_dim);
    put("attention_bias", bias);
    add(rotary);
  }
  void add(const Mamba2& mamba) {
    const auto& [heads, groups, head_dim, state, conv_kernel, chunk] = mamba;
    put("mamba_heads", heads);
    put("mamba_groups", groups);
    put("mamba_head_dim", head_dim);
    put("mamba_state", state);
    put("conv_kernel", conv_kernel);
    put("mamba_chunk", chunk);
  }
  void add(const SelfAndCross& cross) {
    const auto& [heads, head_dim, qk_norm, bias] = cross;
    put("heads", heads);
    put("head_dim", head_dim);
    put("qk_norm", word(kQkNorms, qk_norm));
    put("attention_bias", bias);
  }
  void add(const Dense& mlp) {
    const auto& [ffn, activation, gated, bias] = mlp;
    put("ffn", ffn);
    put("activation", word(kActivations, activation));
    put("gated", gated);
    put("mlp_bias", bias);
  }
  void add(const Moe& moe) {
    const auto& [experts, top_k, ffn, activation, gated, bias, normalised, shared] = moe;
    change_no_work(normalised);  // a division of k numbers
    put("experts", experts);
    put("experts_per_token", top_k);
    put("expert_ffn", ffn);
    put("expert_activation", word(kActivations, activation));
    put("expert_gated", gated);
    put("expert_bias", bias);
    const auto [shared_ffn, shared_activation, shared_gated, shared_bias] = shared.value_or(Dense{});
    put("shared_ffn", shared_ffn);
    put("shared_activation", word(kActivations, shared_activation));
    put("shared_gated", shared_gated);
    put("shared_bias", shared_bias);
  }
};

// A struct is taken apart by a structured binding: a new member does not compile until it is put on the list or named
// among those that change no work.
class WorkList {
 public:
  std::vector<WorkValue> values;

  void add(const Job& job) {
    const auto& [model, system, stack, task, precision, num_gpus, gbs, mbs, lbs, seq_len, layout, num_microbatches,
                 num_flushes, ga, chunks, lora, packed, cuda_graphs, gate, dispatcher, expert_capacity, gate_imbalance,
                 graph_modules, ep_overlap, recompute_layers, offload_layers, recompute_modules, recompute_ops, origins,
                 notes] = job;
    follow_from_others(num_microbatches, ga);
    change_no_work(origins, notes);
    // A system and a stack are the catalog's: their names stand for all that their files say but what a job may set.
    put("system", system.name);
    put("stack", stack.name);
    put("param_dtype", name(stack.param_dtype));
    put("grad_dtype", name(stack.main_grad_dtype));
    put("optimizer_state_dtype", name(stack.optimizer_state_dtype));
    put("sequence_parallel", layout.tp > 1 && stack.sequence_parallel);
    const bool sharded = layout.fsdp && layout.dp * layout.cp > 1;
    put("fsdp_reshard", sharded && stack.fsdp_reshard_after_forward);
    put("defer_grad_sync", sharded && stack.fsdp_defer_grad_reduce);
    put("task", name(task));
    put("precision", name(precision));
    put("num_gpus", num_gpus);
    put("gbs", gbs);
    put("mbs", mbs);
    put("lbs", num_flushes == 1 ? "gbs / dp" : std::to_string(lbs));
    put("seq_len", seq_len);
    add(layout);
    put("cuda_graphs", cuda_graphs);
    put("cuda_graph_modules", set_text(words_of(graph_modules, kGraphWords)));
    const bool routes = has_mlp<Moe>(model);
    put("moe_gate", routes ? name(gate) : "none");
    put("gate_imbalance", routes ? gate_imbalance : 0.0);
    put("moe_dispatcher", routes ? name(dispatcher) : "none");
    put("moe_capacity", routes ? expert_capacity : 0.0);
    put("ep_overlap", routes && ep_overlap);
    put("recompute_layers", of_chunks(recompute_layers, chunks));
    put("recompute_modules", set_text(recompute_modules));
    put("recompute_ops", recompute_ops);
    put("offload_layers", of_chunks(offload_layers, chunks));
    put("packed", packed);
    add(lora);
    add(model);
  }

 private:
  template <typename... Values>
  static void follow_from_others(const Values&...) {}

  template <typename Value>
  void put(std::string_view name, const Value& value, bool of_model = false) {
    values.push_back({.name = name, .text = text_of(value), .of_model = of_model});
  }
  template <typename Value>
  void size(std::string_view name, const Value& value) {
    put(name, value, true);
  }

  // More layers than the largest chunk has are all of them.
  static std::int64_t of_chunks(int layers, const std::vector<ChunkLayers>& chunks) {
    int most = 0;
    for (const ChunkLayers& chunk : chunks) most = std::max(most, chunk.count);
    return chunks.empty() ? layers : std::min(layers, most);
  }

  void add(const ParallelLayout& layout) {
    const auto& [tp, pp, cp, vp, ep, etp, dp, fsdp, fsdp_size] = layout;
    follow_from_others(dp);
    put("tp", tp);
    put("pp", pp);
    put("cp", cp);
    put("vp", vp);
    put("ep", ep);
    put("etp", etp);
    put("fsdp", fsdp);
    put("fsdp_size", fsdp_size == dp * cp ? 0 : fsdp_size);  // 0: all
  }

  void add(const std::optional<Lora>& lora) {
    const auto [rank, alpha, targets] = lora.value_or(Lora{.rank = 0, .alpha = 0.0, .targets = {}});
    change_no_work(alpha);  // a factor
    put("lora_rank", rank);
    put("lora_targets", set_text(targets));
  }

  void add(const ModelSpec& model) {
    const auto& [name, family, source, aliases, hidden, vocab, max_positions, learned_positions, tied_embeddings, norm,
                 norm_eps, kinds, layers, video] = model;
    change_no_work(source, aliases, norm_eps);
    change_no_work(name);  // a published row is looked for by it; the sizes say whether it is the same model
    size("family", family);
    size("hidden", hidden);
    size("vocab", vocab);
    size("learned_positions", learned_positions);
    size("max_positions", learned_positions ? max_positions : 0);  // else there is no table of them
    size("tied_embeddings", tied_embeddings);
    size("norm", word(kNorms, norm));
    std::vector<std::string> words;
    LayerWords list;
    for (const int index : layers) {
      const LayerSpec& kind = kinds[static_cast<std::size_t>(index)];
      words.push_back(fmt::format("{}/{}", part_name(kind.mixer), part_name(kind.mlp)));
      list.add(kind);
    }
    size("layers", runs(words));
    for (auto& [value, texts] : list.values) size(value, uniform(texts) ? texts.front() : runs(texts));
    add(video.value_or(VideoShape{}));
  }

  void add(const VideoShape& video) {
    const auto& [text_dim, text_len, freq_dim, patch_elements] = video;
    size("text_dim", text_dim);
    size("text_len", text_len);
    size("freq_dim", freq_dim);
    size("patch_elements", patch_elements);
  }
};

const WorkValue* named(std::span<const WorkValue> values, std::string_view name) {
  const auto found = std::ranges::find_if(values, [&](const WorkValue& value) { return value.name == name; });
  return found == values.end() ? nullptr : &*found;
}

}  // namespace

std::vector<WorkValue> work_of(const Job& job) {
  WorkList list;
  list.add(job);
  return std::move(list.values);
}

std::vector<std::string> work_differences(const Job& there, const Job& here) {
  return work_differences(work_of(there), work_of(here));
}

std::vector<std::string> work_differences(std::span<const WorkValue> theirs, std::span<const WorkValue> ours) {
  std::vector<std::string> texts, of_model;
  const auto differ = [&](const WorkValue& value, std::string_view their_text, std::string_view our_text) {
    if (their_text != our_text)
      (value.of_model ? of_model : texts)
          .push_back(fmt::format("{} {} there, {} here", value.name, their_text, our_text));
  };
  // Of layers each has the values of its own mixers and MLPs.
  for (const WorkValue& value : ours) {
    const WorkValue* their = named(theirs, value.name);
    differ(value, their == nullptr ? "none" : std::string_view(their->text), value.text);
  }
  for (const WorkValue& value : theirs)
    if (named(ours, value.name) == nullptr) differ(value, value.text, "none");
  if (of_model.empty()) return texts;
  const std::size_t more = of_model.size() - 1;
  texts.push_back(fmt::format("another model by the same name ({}{})", of_model.front(),
                              more > 0 ? fmt::format(", and {} more", more) : ""));
  return texts;
}

}  // namespace perfbench
