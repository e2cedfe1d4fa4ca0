#include "job/system_spec.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "job/extended_json.h"

namespace perfbench {
namespace {

struct NumberField {
  std::string_view key;
  Sourced SystemSpec::*member;
  double least, most;
  bool whole = false;
};

// Wide ranges: they catch a wrong unit (GB for bytes, TFLOP/s for FLOP/s), not a new product.
constexpr std::array kPeaks{
    NumberField{"bf16", &SystemSpec::peak_bf16_flops_per_s, 1e12, 1e18},
    NumberField{"fp8", &SystemSpec::peak_fp8_flops_per_s, 1e12, 1e18},
    NumberField{"mxfp8", &SystemSpec::peak_mxfp8_flops_per_s, 1e12, 1e18},
    NumberField{"nvfp4", &SystemSpec::peak_nvfp4_flops_per_s, 1e12, 1e18},
    NumberField{"f32", &SystemSpec::peak_f32_flops_per_s, 1e11, 1e18},
};
constexpr std::array kNumbers{
    NumberField{"memory_bytes", &SystemSpec::memory_bytes, 1e9, 1e13},
    NumberField{"memory_bandwidth_bytes_per_s", &SystemSpec::memory_bandwidth_bytes_per_s, 1e10, 1e15},
    NumberField{"nvlink_bandwidth_bytes_per_s", &SystemSpec::nvlink_bandwidth_bytes_per_s, 1e9, 1e14},
    NumberField{"nvlink_domain_gpus", &SystemSpec::nvlink_domain_gpus, 1, 65536, true},
    NumberField{"nic_bandwidth_bytes_per_s", &SystemSpec::nic_bandwidth_bytes_per_s, 1e8, 1e13},
    NumberField{"nics_per_gpu", &SystemSpec::nics_per_gpu, 0.01, 64},  // a fraction where GPUs share one
    NumberField{"gpus_per_node", &SystemSpec::gpus_per_node, 1, 1024, true},
    NumberField{"host_bandwidth_bytes_per_s", &SystemSpec::host_bandwidth_bytes_per_s, 1e8, 1e13},
    NumberField{"sm_count", &SystemSpec::sm_count, 1, 4096, true},
    NumberField{"l2_bytes", &SystemSpec::l2_bytes, 1e5, 1e11},
};

// What a file says of itself alone.
constexpr std::array<std::string_view, 3> kOwnKeys{"name", "aliases", "device_names"};

const std::vector<std::string> kPrecisionNames{"fp32", "bf16", "fp8cs", "fp8ds", "mxfp8", "nvfp4"};

// The key of the peak that a precision runs at.
std::string_view peak_key(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "f32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp8cs:
    case Precision::fp8ds:
      return "fp8";
    case Precision::mxfp8:
      return "mxfp8";
    case Precision::nvfp4:
      return "nvfp4";
  }
  return "?";
}

void read_numbers(SystemSpec& system, std::span<const NumberField> numbers, JsonFields& parent, const std::string& path,
                  const std::string& file, std::vector<Problem>& problems) {
  for (const NumberField& number : numbers) {
    const NumberRule rule{.least = number.least, .most = number.most, .may_be_null = true};
    const Sourced& read = system.*number.member = read_sourced(parent, number.key, file, path, rule, problems);
    if (number.whole && read.value && *read.value != std::floor(*read.value)) {
      parent.problem(number.key, fmt::format("is {}, but must be whole", format_double(*read.value)));
    }
  }
}

void read_peaks(SystemSpec& system, JsonFields& fields, const std::string& file, std::vector<Problem>& problems) {
  const std::string key = "peak_flops_per_s";
  const Json* json = fields.any(key);
  if (json == nullptr || !json->is_object()) {
    fields.problem(key, "must be an object", "its keys: bf16, fp8, mxfp8, nvfp4, f32");
    return;
  }
  JsonFields peaks(*json, file, key);
  read_numbers(system, kPeaks, peaks, key, file, problems);
  finish_into(peaks, problems);
}

void read_precisions(SystemSpec& system, JsonFields& fields) {
  for (const std::string& word : read_texts(fields, "precisions")) {
    if (const std::optional<Precision> precision = parse_precision(word)) {
      system.precisions.push_back(*precision);
    } else {
      fields.problem("precisions", fmt::format("\"{}\" is no precision", word), nearest_hint(word, kPrecisionNames));
    }
  }
}

// {"value": list of texts, "source": text}, as the numbers are written.
void read_device_names(SystemSpec& system, JsonFields& fields, const std::string& file,
                       std::vector<Problem>& problems) {
  const std::string key = "device_names";
  const Json* json = fields.any(key);
  if (json == nullptr || !json->is_object()) {
    fields.problem(key, json == nullptr ? "is missing" : "must be an object",
                   R"(write {"value": ["NVIDIA ..."], "source": "..."})");
    return;
  }
  JsonFields names(*json, file, key);
  system.device_names = read_texts(names, "value");
  if (trim(names.text("source")).empty()) names.problem("source", "must say where the names come from");
  finish_into(names, problems);
}

// null: no GPU, or none of these.
void read_architecture(SystemSpec& system, JsonFields& fields) {
  const std::string_view key = "architecture";
  if (fields.any(key) == nullptr) {
    fields.problem(key, "is missing", "a word, or null for the CPU");
    return;
  }
  const std::optional<std::string> word = fields.optional_text(key);
  if (!word) return;
  std::vector<std::string> known;
  known.reserve(kArchitectures.size());
  for (const Architecture architecture : kArchitectures) known.emplace_back(name(architecture));
  system.architecture = parse_architecture(*word);
  if (!system.architecture)
    fields.problem(key, fmt::format("\"{}\" is no architecture", *word), nearest_hint(*word, known));
}

void check_host(const SystemSpec& system, JsonFields& fields) {
  if (!system.host.empty() && system.host != "x86" && system.host != "grace" && system.host != "any") {
    fields.problem("host", fmt::format("is \"{}\"", system.host), "valid: x86, grace, any");
  }
}

void read_kernels(SystemSpec& system, JsonFields& fields, const std::filesystem::path& data) {
  system.kernels = fields.text("kernels");
  if (system.kernels.empty() || is_there(data / "kernels" / (system.kernels + ".json"))) return;  // empty: noted
  std::vector<std::string> known;
  for (const std::filesystem::path& file : files_in(data / "kernels", ".json")) known.push_back(file.stem().string());
  fields.problem("kernels", fmt::format("there are no kernel constants \"{}\"", system.kernels),
                 nearest_hint(system.kernels, known));
}

void read_cuda_memory(SystemSpec& system, JsonFields& fields, const std::string& file, std::vector<Problem>& problems) {
  if (fields.any("cuda_memory_bytes") == nullptr) return;
  const NumberRule rule{.least = 1e9, .most = 1e13, .may_be_null = true};
  system.cuda_memory_bytes = read_sourced(fields, "cuda_memory_bytes", file, "", rule, problems).value;
}

void read_product_time(SystemSpec& system, JsonFields& fields, const std::string& file,
                       std::vector<Problem>& problems) {
  if (fields.any("product_time") == nullptr) return;
  const NumberRule rule{.least = 0.5, .most = 10.0};
  system.product_time = read_sourced(fields, "product_time", file, "", rule, problems).value.value_or(1.0);
}

}  // namespace

std::optional<double> SystemSpec::peak_flops_per_s(Precision precision) const {
  switch (precision) {
    case Precision::fp32:
      return peak_f32_flops_per_s.value;
    case Precision::bf16:
      return peak_bf16_flops_per_s.value;
    case Precision::fp8cs:
    case Precision::fp8ds:
      return peak_fp8_flops_per_s.value;
    case Precision::mxfp8:
      return peak_mxfp8_flops_per_s.value;
    case Precision::nvfp4:
      return peak_nvfp4_flops_per_s.value;
  }
  return std::nullopt;
}

std::optional<double> SystemSpec::capacity_bytes() const {
  return cuda_memory_bytes ? cuda_memory_bytes : memory_bytes.value;
}

bool SystemSpec::has_data_sheet() const {
  const auto known = [this](const NumberField& number) { return (this->*number.member).value.has_value(); };
  return std::ranges::any_of(kPeaks, known) || std::ranges::any_of(kNumbers, known);
}

std::vector<std::string> SystemSpec::missing() const {
  std::vector<std::string> names;
  for (const Precision precision : precisions) {
    const std::string peak = fmt::format("peak_flops_per_s.{}", peak_key(precision));
    const bool listed = std::find(names.begin(), names.end(), peak) != names.end();
    if (!peak_flops_per_s(precision) && !listed) names.push_back(peak);
  }
  for (const NumberField& number : kNumbers) {
    if (!(this->*number.member).value) names.emplace_back(number.key);
  }
  return names;
}

SystemSpec read_system(const std::filesystem::path& path, const std::filesystem::path& data) {
  const std::string file = path.string();
  const ExtendedJson extended = read_extended(path, data / "systems", "system", kOwnKeys);
  std::vector<Problem> problems;
  SystemSpec system;
  system.extends.assign(extended.chain.begin() + 1, extended.chain.end());
  JsonFields fields(extended.json, file);
  system.name = fields.text("name");
  system.gpu = fields.text("gpu");
  system.host = fields.text("host");
  system.aliases = read_texts(fields, "aliases");
  read_device_names(system, fields, file, problems);
  if (!system.name.empty() && system.name != path.stem().string()) {
    fields.problem("name", fmt::format("is \"{}\" in a file called {}", system.name, path.filename().string()),
                   "name the file after the system");
  }
  read_architecture(system, fields);
  check_host(system, fields);
  read_kernels(system, fields, data);
  read_product_time(system, fields, file, problems);
  read_cuda_memory(system, fields, file, problems);
  read_precisions(system, fields);
  read_peaks(system, fields, file, problems);
  read_numbers(system, kNumbers, fields, "", file, problems);
  finish_into(fields, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  return system;
}

}  // namespace perfbench
