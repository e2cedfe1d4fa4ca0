#include "job/terms.h"

#include <array>
#include <string>

#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::array kPrecisions{Precision::fp32,  Precision::bf16,  Precision::fp8cs,
                                 Precision::fp8ds, Precision::mxfp8, Precision::nvfp4};

}  // namespace

std::optional<Gate> parse_gate(std::string_view text) {
  const std::string word = lower(trim(text));
  for (const Gate gate : {Gate::balanced, Gate::topk, Gate::random}) {
    if (word == name(gate)) return gate;
  }
  return std::nullopt;
}

std::optional<Dispatcher> parse_dispatcher(std::string_view text) {
  const std::string word = lower(trim(text));
  for (const Dispatcher dispatcher : {Dispatcher::all_to_all, Dispatcher::dedup, Dispatcher::all_gather}) {
    if (word == name(dispatcher)) return dispatcher;
  }
  return std::nullopt;
}

std::optional<Task> parse_task(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "pre_train") return Task::pretrain;  // NeMo's word
  for (const Task task : {Task::pretrain, Task::sft, Task::lora}) {
    if (word == name(task)) return task;
  }
  return std::nullopt;
}

std::optional<Precision> parse_precision(std::string_view text) {
  const std::string word = lower(trim(text));
  for (const Precision precision : kPrecisions) {
    if (word == name(precision)) return precision;
  }
  return std::nullopt;
}

std::optional<Precision> parse_precision(std::string_view dtype, std::string_view recipe) {
  const std::string type = lower(trim(dtype));
  const std::string how = lower(trim(recipe));
  if (type == "bf16") return Precision::bf16;  // NeMo's recipe flag has a default and says nothing about BF16
  if (type == "fp32") return Precision::fp32;
  if (type == "fp8") {
    if (how.empty() || how == "cs") return Precision::fp8cs;
    if (how == "ds") return Precision::fp8ds;
    if (how == "mxfp8") return Precision::mxfp8;
    if (how == "nvfp4") return Precision::nvfp4;
    return std::nullopt;
  }
  const std::optional<Precision> whole = parse_precision(type);
  if (!whole || how.empty()) return whole;
  return parse_precision("fp8", how) == whole ? whole
                                              : std::nullopt;  // "mxfp8" with the recipe "ds" is a contradiction
}

}  // namespace perfbench
