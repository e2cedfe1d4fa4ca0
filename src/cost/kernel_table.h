// Times of kernels that were measured on one device, by signature, and where that was. A file of them is what
// `calibrate` and `--mode slice` write; docs/data_files.md has its form.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cost/kernel_work.h"

namespace perfbench {

// The device and its state while it measured.
struct MeasuredOn {
  std::string system{};  // "h100"; empty where the device is of no known system
  std::string device{};  // as its driver calls it: "NVIDIA H100 80GB HBM3"; "CPU"
  std::string driver{};  // its version; empty on a CPU
  std::string date{};    // UTC, "2026-01-31T12:00:00Z"
  std::vector<std::pair<std::string, std::string>> versions{};  // "perfbench", "libtorch", ...
  std::optional<double> sm_clock_mhz{};                         // median while kernels ran; unset where nobody looked
  std::optional<bool> throttled{};                              // unset where nobody looked
  std::vector<std::string> throttle_reasons{};                  // those seen: "sw_power_cap", ...
  bool operator==(const MeasuredOn&) const = default;
};

struct MeasuredKernel {
  double seconds = 0.0;  // median of its runs
  double mad_s = 0.0;    // median distance of a run from that
  std::int64_t runs = 0;
  KernelWork work{};  // to predict it again
  bool operator==(const MeasuredKernel&) const = default;
};

struct KernelTable {
  MeasuredOn on{};
  std::map<std::string, MeasuredKernel, std::less<>> kernels{};  // by signature()
  std::int64_t left_out = 0;                                     // kernels for which no time was left
  std::int64_t skipped = 0;  // kernels that the device could not run: too large, or of a dtype that it lacks

  const MeasuredKernel* find(std::string_view signature) const;  // nullptr where it was not measured
  bool operator==(const KernelTable&) const = default;
};

// The op's name of a signature: what is before "(".
std::string_view op_of(std::string_view signature);

Json to_json(const KernelTable& table);
// Throws InputError with every problem: `file` and the key of each.
KernelTable parse_kernel_table(const Json& json, const std::string& file);
KernelTable read_kernel_table(const std::filesystem::path& path);

}  // namespace perfbench
