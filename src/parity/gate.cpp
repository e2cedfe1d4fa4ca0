#include "parity/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/weights/safetensors.h"

namespace perfbench {
namespace {

struct GateReader {
  std::filesystem::path file;
  std::vector<StoredTensor> tensors;
  std::vector<std::int64_t> shape;  // that both must have
  std::vector<Problem> problems{};

  std::string place(std::string_view name) const { return fmt::format("{}: {}", file.string(), name); }

  // The numbers of a tensor; none after a problem.
  template <typename Number>
  std::vector<Number> numbers(std::string_view name, DType dtype) {
    const auto found = std::ranges::find(tensors, name, &StoredTensor::name);
    if (found == tensors.end()) {
      problems.push_back({place(name), "is missing",
                          "choices (I64) and gate_weights (F32), both (rows x seq_len, experts of a token)"});
      return {};
    }
    const std::size_t before = problems.size();
    if (found->dtype != dtype) {
      problems.push_back(
          {place(name), fmt::format("is {}, and must be {}", safetensors_dtype(found->dtype), safetensors_dtype(dtype)),
           ""});
    }
    if (found->shape != shape) {
      problems.push_back({place(name),
                          fmt::format("has shape {}, and must be {}: tokens of the batch, experts of a token",
                                      shape_text(found->shape), shape_text(shape)),
                          ""});
    }
    if (problems.size() > before) return {};
    const HostTensor tensor = read_tensor(*found);
    std::vector<Number> values(tensor.data.size() / sizeof(Number));
    if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }

  // Names the first number that is not `good`.
  template <typename Number, typename Good>
  void require(std::string_view name, const std::vector<Number>& values, Good good, const std::string& rule,
               const std::string& hint) {
    const auto wrong = std::ranges::find_if_not(values, good);
    if (wrong == values.end()) return;
    const std::int64_t index = wrong - values.begin(), k = shape[1];
    problems.push_back(
        {place(fmt::format("{}[{}, {}]", name, index / k, index % k)), fmt::format("is {}, {}", *wrong, rule), hint});
  }
};

}  // namespace

GivenGate read_gate(const std::filesystem::path& file, std::int64_t tokens, const Moe& moe) {
  GateReader reader{.file = file, .tensors = read_safetensors_header(file), .shape = {tokens, moe.top_k}};
  GivenGate gate{.choices = reader.numbers<std::int64_t>("choices", DType::i64),
                 .weights = reader.numbers<float>("gate_weights", DType::f32)};
  reader.require(
      "choices", gate.choices, [&](std::int64_t expert) { return expert >= 0 && expert < moe.experts; },
      fmt::format("and the model has {} experts", moe.experts), fmt::format("0 to {}", moe.experts - 1));
  reader.require(
      "gate_weights", gate.weights, [](float weight) { return std::isfinite(weight); }, "and must be finite", "");
  if (!reader.problems.empty()) throw InputError(std::move(reader.problems));
  return gate;
}

}  // namespace perfbench
