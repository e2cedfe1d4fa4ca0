#include "rows/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 5> kMixers{"none", "gqa", "mla", "mamba2", "cross"};
constexpr std::array<std::string_view, 3> kMlps{"none", "dense", "moe"};
constexpr std::array<std::string_view, 3> kNorms{"rms", "layer", "layer1p"};
constexpr std::array<std::string_view, 4> kActivations{"silu", "gelu", "gelu_tanh", "relu2"};
constexpr std::array<std::string_view, 3> kPositions{"rope", "learned", "none"};

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

// A struct is taken apart by a structured binding: a new member does not compile until it is put on the list or named
// among those that change no work.
class WorkList {
 public:
  std::vector<WorkValue> values;

  void add(const Job& job) {
    const auto& [model, system, stack, task, precision, num_gpus, gbs, mbs, lbs, seq_len, layout, num_microbatches,
                 num_flushes, ga, chunks, lora, packed, cuda_graphs, recompute_layers, offload_layers,
                 recompute_modules, origins, notes] = job;
    follow_from_others(num_microbatches, ga);
    change_no_work(origins, notes);
    // A system and a stack are the catalog's: their names stand for all that their files say.
    put("system", system.name);
    put("stack", stack.name);
    put("task", name(task));
    put("precision", name(precision));
    put("num_gpus", num_gpus);
    put("gbs", gbs);
    put("mbs", mbs);
    put("lbs", num_flushes == 1 ? "gbs / dp" : std::to_string(lbs));
    put("seq_len", seq_len);
    add(layout);
    put("cuda_graphs", cuda_graphs);
    put("recompute_layers", recomputed(recompute_layers, chunks));
    put("recompute_modules", set_text(recompute_modules));
    put("offload_layers", offload_layers);
    put("packed", packed);
    add(lora);
    add(model);
  }

 private:
  template <typename... Values>
  static void follow_from_others(const Values&...) {}
  template <typename... Values>
  static void change_no_work(const Values&...) {}

  template <typename Value>
  void put(std::string_view name, const Value& value, bool of_model = false) {
    values.push_back({.name = name, .text = text_of(value), .of_model = of_model});
  }
  template <typename Value>
  void size(std::string_view name, const Value& value) {
    put(name, value, true);
  }

  // More layers than the largest chunk has are all of them.
  static std::int64_t recomputed(int layers, const std::vector<ChunkLayers>& chunks) {
    int most = 0;
    for (const ChunkLayers& chunk : chunks) most = std::max(most, chunk.count);
    return chunks.empty() ? layers : std::min(layers, most);
  }

  void add(const ParallelLayout& layout) {
    const auto& [tp, pp, cp, vp, ep, etp, dp, fsdp] = layout;
    follow_from_others(dp);
    put("tp", tp);
    put("pp", pp);
    put("cp", cp);
    put("vp", vp);
    put("ep", ep);
    put("etp", etp);
    put("fsdp", fsdp);
  }

  void add(const std::optional<Lora>& lora) {
    const auto [rank, alpha, targets] = lora.value_or(Lora{.rank = 0, .alpha = 0.0, .targets = {}});
    change_no_work(alpha);  // a factor
    put("lora_rank", rank);
    put("lora_targets", set_text(targets));
  }

  void add(const ModelSpec& model) {
    const auto& [name, family, source, aliases, hidden, ffn, heads, kv_heads, head_dim, vocab, max_positions,
                 tied_embeddings, attention_bias, output_bias, mlp_bias, qk_norm, gated, norm, norm_eps, activation,
                 positions, rope_theta, rope_type, rope_scaling, rotary_share, sliding_window, attention_chunk,
                 windowed, layers, moe, mla, mamba, video] = model;
    change_no_work(source, aliases, norm_eps, rope_theta, rope_type, rope_scaling);
    change_no_work(name);  // a published row is looked for by it; the sizes say whether it is the same model
    size("family", family);
    size("hidden", hidden);
    size("ffn", ffn);
    size("heads", heads);
    size("kv_heads", kv_heads);
    size("head_dim", head_dim);
    size("vocab", vocab);
    size("max_positions", positions == Positions::learned ? max_positions : 0);  // else there is no table of them
    size("tied_embeddings", tied_embeddings);
    size("attention_bias", attention_bias);
    size("output_bias", output_bias);
    size("mlp_bias", mlp_bias);
    size("qk_norm", qk_norm);
    size("gated", gated);
    size("norm", word(kNorms, norm));
    size("activation", word(kActivations, activation));
    size("positions", word(kPositions, positions));
    size("rotary_share", rotary_share);
    size("sliding_window", windowed.empty() ? 0 : sliding_window);
    size("attention_chunk", windowed.empty() ? 0 : attention_chunk);
    std::vector<std::string> windows, kinds;
    for (const bool window : windowed) windows.emplace_back(window ? "windowed" : "whole");
    for (const auto& [mixer, mlp] : layers)
      kinds.push_back(fmt::format("{}/{}", word(kMixers, mixer), word(kMlps, mlp)));
    size("windowed", runs(windows));
    size("layers", runs(kinds));
    add_shapes(moe.value_or(MoeShape{}), mla.value_or(MlaShape{}), mamba.value_or(MambaShape{}),
               video.value_or(VideoShape{}));
  }

  void add_shapes(const MoeShape& moe, const MlaShape& mla, const MambaShape& mamba, const VideoShape& video) {
    const auto& [experts, experts_per_token, expert_ffn, shared_ffn] = moe;
    size("experts", experts);
    size("experts_per_token", experts_per_token);
    size("expert_ffn", expert_ffn);
    size("shared_ffn", shared_ffn);
    const auto& [q_rank, kv_rank, qk_nope_dim, qk_rope_dim, v_dim] = mla;
    size("q_rank", q_rank);
    size("kv_rank", kv_rank);
    size("qk_nope_dim", qk_nope_dim);
    size("qk_rope_dim", qk_rope_dim);
    size("v_dim", v_dim);
    const auto& [mamba_heads, groups, mamba_head_dim, state, conv_kernel, chunk] = mamba;
    size("mamba_heads", mamba_heads);
    size("mamba_groups", groups);
    size("mamba_head_dim", mamba_head_dim);
    size("mamba_state", state);
    size("conv_kernel", conv_kernel);
    size("mamba_chunk", chunk);
    const auto& [text_dim, text_len, freq_dim, patch_elements] = video;
    size("text_dim", text_dim);
    size("text_len", text_len);
    size("freq_dim", freq_dim);
    size("patch_elements", patch_elements);
  }
};

}  // namespace

std::vector<WorkValue> work_of(const Job& job) {
  WorkList list;
  list.add(job);
  return std::move(list.values);
}

std::vector<std::string> work_differences(const Job& there, const Job& here) {
  const std::vector<WorkValue> theirs = work_of(there), ours = work_of(here);
  std::vector<std::string> texts, of_model;
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (theirs[i].text != ours[i].text)
      (ours[i].of_model ? of_model : texts)
          .push_back(fmt::format("{} {} there, {} here", ours[i].name, theirs[i].text, ours[i].text));
  if (of_model.empty()) return texts;
  const std::size_t more = of_model.size() - 1;
  texts.push_back(fmt::format("another model by the same name ({}{})", of_model.front(),
                              more > 0 ? fmt::format(", and {} more", more) : ""));
  return texts;
}

}  // namespace perfbench
