#include "parity/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "models/names.h"

namespace perfbench {
namespace {

constexpr std::string_view kAdapterPrefix = "base_model.";

using ByName = std::map<std::string, const StoredTensor*, std::less<>>;

ByName by_name(std::span<const StoredTensor> weights) {
  ByName map;
  for (const StoredTensor& weight : weights) map.emplace(weight.name, &weight);
  return map;
}

std::string place(const StoredTensor& weight) { return weight.file.string() + ": " + weight.name; }

void check_one(const StoredTensor& weight, const HostTensor& parameter, std::vector<Problem>& problems) {
  if (weight.shape != parameter.shape) {
    problems.push_back(
        {place(weight),
         fmt::format("has shape {}; config.json makes it {}", shape_text(weight.shape), shape_text(parameter.shape)),
         ""});
  }
  // peft keeps adapters in F32 beside a model in BF16.
  const bool wide_adapter = parameter.name.starts_with(kAdapterPrefix) && weight.dtype == DType::f32;
  if (weight.dtype != parameter.dtype && !wide_adapter) {
    problems.push_back({place(weight),
                        fmt::format("is {}; the parameters of this run are {}", safetensors_dtype(weight.dtype),
                                    safetensors_dtype(parameter.dtype)),
                        "store all weights alike; -c fp32 runs F32 weights, -c bf16 and -c fp8cs BF16 weights"});
  }
}

// A head that is stored beside the embedding it is tied to.
std::optional<Problem> tied_head_problem(const StoredTensor& head, const ByName& stored, std::string_view tied_to) {
  const auto embedding = stored.find(tied_to);
  if (embedding == stored.end()) return std::nullopt;  // named as missing
  if (head.shape == embedding->second->shape && head.dtype == embedding->second->dtype &&
      read_tensor(head).data == read_tensor(*embedding->second).data)
    return std::nullopt;
  return Problem{place(head), fmt::format("differs from {}, to which config.json ties it", tied_to),
                 "leave it out, or set tie_word_embeddings to false"};
}

}  // namespace

void check_weights(std::span<const StoredTensor> weights, std::span<const HostTensor> parameters,
                   const ModelSpec& model) {
  const ByName stored = by_name(weights);
  const FamilyNames& family = names_of(model);
  const std::string folder = weights.empty() ? "model.safetensors" : weights.front().file.parent_path().string();
  std::vector<Problem> problems;
  std::vector<std::string> names;
  for (const HostTensor& parameter : parameters) {
    names.push_back(parameter.name);
    const auto found = stored.find(parameter.name);
    if (found == stored.end()) {
      problems.push_back({fmt::format("{}: {}", folder, parameter.name),
                          fmt::format("is missing; it is {} of shape {}", safetensors_dtype(parameter.dtype),
                                      shape_text(parameter.shape)),
                          ""});
    } else {
      check_one(*found->second, parameter, problems);
    }
  }
  for (const StoredTensor& weight : weights) {
    if (std::find(names.begin(), names.end(), weight.name) != names.end()) continue;
    if (model.tied_embeddings && weight.name == family.head) {
      std::optional<Problem> problem = tied_head_problem(weight, stored, family.embedding);
      if (problem) problems.push_back(std::move(*problem));
      continue;
    }
    const std::vector<std::string> near = nearest(weight.name, names);
    problems.push_back({place(weight), "is no parameter of this model",
                        near.empty() ? "" : fmt::format("did you mean {}?", join(near, ", "))});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

std::function<HostTensor(const std::string& name)> weight_reader(std::span<const StoredTensor> weights) {
  return [stored = by_name(weights)](const std::string& name) {
    const auto found = stored.find(name);
    check(found != stored.end(), "a weight was asked for that the model has not");
    return read_tensor(*found->second);
  };
}

}  // namespace perfbench
