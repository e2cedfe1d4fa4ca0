#include "parity/expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/weights/safetensors.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

std::optional<double> optional_number(const Json& json, std::string_view key, const std::string& file) {
  const Json* found = json.find(key);
  if (found == nullptr) return std::nullopt;
  if (const std::optional<double> number = found->number()) return number;
  throw InputError(fmt::format("{}: {}", file, key), "is no finite number");
}

Expected read_json_expected(const fs::path& path) {
  const Json json = read_json(path);
  Expected expected;
  expected.file = path.string();
  if (!json.is_object()) throw InputError(expected.file, "is no JSON object");
  expected.loss = optional_number(json, "loss", expected.file);
  expected.grad_norm = optional_number(json, "grad_norm", expected.file);
  if (const Json* losses = json.find("losses"); losses != nullptr && losses->is_array()) {
    for (const Json& loss : std::get<Json::Array>(losses->value))
      expected.losses.push_back(loss.number().value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  const Json* gradients = json.find("gradients");
  if (gradients == nullptr) return expected;
  if (!gradients->is_object()) throw InputError(expected.file + ": gradients", "is no object of names and norms");
  for (const auto& [name, norm] : std::get<Json::Object>(gradients->value))
    expected.norms.emplace_back(name, norm.number().value_or(std::numeric_limits<double>::quiet_NaN()));
  return expected;
}

Expected read_tensors_expected(const fs::path& path) {
  Expected expected;
  expected.file = path.string();
  for (const StoredTensor& stored : read_safetensors_header(path)) {
    if (stored.dtype != DType::f32 && stored.dtype != DType::bf16)
      throw InputError(fmt::format("{}: {}", expected.file, stored.name),
                       fmt::format("is {}; gradients and losses are F32 or BF16", safetensors_dtype(stored.dtype)));
    HostTensor tensor = read_tensor(stored);
    const bool number = stored.name == "loss" || stored.name == "grad_norm";
    if (number && num_elements(stored.shape) != 1)
      throw InputError(fmt::format("{}: {}", expected.file, stored.name),
                       fmt::format("has shape {}, and must be one number", shape_text(stored.shape)));
    if (stored.name == "loss") {
      expected.loss = elements_of(tensor).front();
    } else if (stored.name == "grad_norm") {
      expected.grad_norm = elements_of(tensor).front();
    } else if (stored.name == "losses") {
      expected.losses = elements_of(tensor);
    } else {
      expected.gradients.push_back(std::move(tensor));
    }
  }
  return expected;
}

// The tensor of a name; nullptr when there is none.
const HostTensor* find(std::span<const HostTensor> tensors, const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const HostTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

double norm_of_difference(const HostTensor& a, const HostTensor& b) {
  const std::vector<double> x = elements_of(a), y = elements_of(b);
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(sum);
}

std::vector<std::string> names_of(const Expected& expected) {
  std::vector<std::string> names;
  for (const auto& [name, norm] : expected.norms) names.push_back(name);
  for (const HostTensor& gradient : expected.gradients) names.push_back(gradient.name);
  return names;
}

Deviation loss_deviation(std::string what, double found, double expected, double tolerance) {
  return {.what = std::move(what),
          .difference = std::abs(found - expected),
          .allowed = tolerance * std::abs(expected),
          .expected = expected};
}

}  // namespace

std::vector<double> elements_of(const HostTensor& tensor) {
  check(tensor.dtype == DType::f32 || tensor.dtype == DType::bf16, "elements of a tensor that is neither f32 nor bf16");
  const auto width = static_cast<std::size_t>(size_bytes(tensor.dtype));
  std::vector<double> elements(tensor.data.size() / width);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, tensor.data.data() + i * width, width);
    elements[i] = static_cast<double>(std::bit_cast<float>(width == 2 ? bits << 16U : bits));
  }
  return elements;
}

double norm_of(const HostTensor& tensor) {
  double sum = 0.0;
  for (const double element : elements_of(tensor)) sum += element * element;
  return std::sqrt(sum);
}

Expected read_expected(const fs::path& path) {
  Expected expected = path.extension() == ".json" ? read_json_expected(path) : read_tensors_expected(path);
  if (!expected.loss && !expected.grad_norm && expected.losses.empty() && !expected.has_gradients())
    throw InputError(expected.file, "expects nothing: it has no loss and no gradients");
  return expected;
}

void check_expected(const Expected& expected, std::span<const HostTensor> parameters, std::size_t num_steps) {
  std::vector<Problem> problems;
  const std::vector<std::string> names = names_of(expected);
  for (const HostTensor& parameter : parameters) {
    if (!expected.has_gradients()) break;
    if (std::find(names.begin(), names.end(), parameter.name) == names.end())
      problems.push_back({expected.file, fmt::format("has no gradient of {}", parameter.name), ""});
    const HostTensor* gradient = find(expected.gradients, parameter.name);
    if (gradient != nullptr && gradient->shape != parameter.shape)
      problems.push_back(
          {fmt::format("{}: {}", expected.file, parameter.name),
           fmt::format("has shape {}; the parameter has {}", shape_text(gradient->shape), shape_text(parameter.shape)),
           ""});
  }
  for (const std::string& name : names)
    if (find(parameters, name) == nullptr)
      problems.push_back({fmt::format("{}: {}", expected.file, name), "is no parameter of this model", ""});
  if (expected.losses.size() > num_steps)
    problems.push_back({expected.file + ": losses",
                        fmt::format("has {} losses, and {} steps were asked for", expected.losses.size(), num_steps),
                        fmt::format("--steps {}", expected.losses.size())});
  if (!problems.empty()) throw InputError(std::move(problems));
}

double Deviation::share() const {
  if (difference == 0.0) return 0.0;
  return std::isnan(difference) || allowed == 0.0 ? std::numeric_limits<double>::infinity() : difference / allowed;
}

const Deviation& Comparison::worst() const {
  check(!deviations.empty(), "a comparison of nothing");
  return *std::max_element(deviations.begin(), deviations.end(),
                           [](const Deviation& a, const Deviation& b) { return a.share() < b.share(); });
}

Comparison compare(const Expected& expected, const StepReport& step, std::span<const double> losses,
                   std::span<const HostTensor> gradients, const Tolerance& tolerance) {
  Comparison result{.file = expected.file, .deviations = {}};
  auto& all = result.deviations;
  if (expected.loss) all.push_back(loss_deviation("loss", step.loss, *expected.loss, tolerance.loss));
  for (std::size_t i = 0; i < expected.losses.size(); ++i)
    all.push_back(loss_deviation(fmt::format("losses[{}]", i), losses[i], expected.losses[i],
                                 i == 0 ? tolerance.loss : tolerance.loss_after_steps));
  double squares = 0.0;
  for (const auto& [name, norm] : expected.norms) squares += norm * norm;
  for (const HostTensor& gradient : expected.gradients) squares += std::pow(norm_of(gradient), 2);
  const double whole = expected.has_gradients() ? std::sqrt(squares) : expected.grad_norm.value_or(0.0);
  const auto add = [&](const std::string& name, double difference, double norm) {
    all.push_back({.what = name,
                   .difference = difference,
                   .allowed = tolerance.of_own * norm + tolerance.of_all * whole,
                   .expected = norm});
  };
  if (expected.grad_norm) add("grad_norm", std::abs(step.grad_norm - *expected.grad_norm), *expected.grad_norm);
  for (const auto& [name, norm] : expected.norms) add(name, std::abs(norm_of(*find(gradients, name)) - norm), norm);
  for (const HostTensor& gradient : expected.gradients)
    add(gradient.name, norm_of_difference(*find(gradients, gradient.name), gradient), norm_of(gradient));
  return result;
}

}  // namespace perfbench
