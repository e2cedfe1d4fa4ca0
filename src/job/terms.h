// The field's words as enumerations, each with the one spelling that files and rows use.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace perfbench {

enum class Task { pretrain, sft, lora };
enum class Precision { fp32, bf16, fp8cs, fp8ds, mxfp8, nvfp4 };  // current scaling, delayed scaling, block formats

// Who chooses a token's experts. balanced: choice j of a rank's token i is expert (i k + j) mod E, all weighing 1 / k,
// and no router runs (the fake gate of NeMo AutoModel); topk: the model's router; random: the router runs, and its
// logits are drawn anew (Megatron-Core's forced balancing); given: choices and weights are data.
enum class Gate : std::uint8_t { balanced, topk, random, given };

// How tokens reach their experts' ranks: a copy for each choice, one for each rank, or all tokens on every rank.
enum class Dispatcher : std::uint8_t { all_to_all, dedup, all_gather };

constexpr std::string_view name(Gate gate) {
  switch (gate) {
    case Gate::balanced:
      return "balanced";
    case Gate::topk:
      return "topk";
    case Gate::random:
      return "random";
    case Gate::given:
      return "given";
  }
  return "?";
}

constexpr std::string_view name(Dispatcher dispatcher) {
  switch (dispatcher) {
    case Dispatcher::all_to_all:
      return "all_to_all";
    case Dispatcher::dedup:
      return "dedup";
    case Dispatcher::all_gather:
      return "all_gather";
  }
  return "?";
}

constexpr std::string_view name(Task task) {
  switch (task) {
    case Task::pretrain:
      return "pretrain";
    case Task::sft:
      return "sft";
    case Task::lora:
      return "lora";
  }
  return "?";
}

constexpr std::string_view name(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp8cs:
      return "fp8cs";
    case Precision::fp8ds:
      return "fp8ds";
    case Precision::mxfp8:
      return "mxfp8";
    case Precision::nvfp4:
      return "nvfp4";
  }
  return "?";
}

// Whether linear layers run in a format narrower than BF16, with scales.
constexpr bool is_scaled(Precision precision) { return precision != Precision::fp32 && precision != Precision::bf16; }

// "balanced", "topk", "random": the words of a gate; choices of a file have none.
std::optional<Gate> parse_gate(std::string_view text);
std::optional<Dispatcher> parse_dispatcher(std::string_view text);
// "pretrain" and NeMo's "pre_train", "sft", "lora".
std::optional<Task> parse_task(std::string_view text);
std::optional<Precision> parse_precision(std::string_view text);
// NeMo's dtype ("bf16", "fp8") with its recipe ("cs", "ds", "mxfp8", "nvfp4"; empty means current scaling, "ss" is
// unknown here).
std::optional<Precision> parse_precision(std::string_view dtype, std::string_view recipe);

}  // namespace perfbench
