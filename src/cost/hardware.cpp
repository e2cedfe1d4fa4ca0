#include "cost/hardware.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace perfbench {
namespace {

struct SheetNumber {
  std::string_view key;  // in the system's file
  Sourced SystemSpec::*sheet;
  std::optional<double> Hardware::*number;
};

constexpr std::array kSheet{
    SheetNumber{"peak_flops_per_s.bf16", &SystemSpec::peak_bf16_flops_per_s, &Hardware::bf16_flops_per_s},
    SheetNumber{"peak_flops_per_s.fp8", &SystemSpec::peak_fp8_flops_per_s, &Hardware::fp8_flops_per_s},
    SheetNumber{"peak_flops_per_s.f32", &SystemSpec::peak_f32_flops_per_s, &Hardware::f32_flops_per_s},
    SheetNumber{"memory_bandwidth_bytes_per_s", &SystemSpec::memory_bandwidth_bytes_per_s,
                &Hardware::memory_bytes_per_s},
    SheetNumber{"nvlink_bandwidth_bytes_per_s", &SystemSpec::nvlink_bandwidth_bytes_per_s,
                &Hardware::nvlink_bytes_per_s},
    SheetNumber{"nic_bandwidth_bytes_per_s", &SystemSpec::nic_bandwidth_bytes_per_s, &Hardware::nic_bytes_per_s},
    SheetNumber{"nics_per_gpu", &SystemSpec::nics_per_gpu, &Hardware::nics_per_gpu},
    SheetNumber{"host_bandwidth_bytes_per_s", &SystemSpec::host_bandwidth_bytes_per_s, &Hardware::host_bytes_per_s},
    SheetNumber{"nvlink_domain_gpus", &SystemSpec::nvlink_domain_gpus, &Hardware::nvlink_domain_gpus},
};

}  // namespace

Hardware hardware_of(const SystemSpec& system) {
  Hardware hardware;
  for (const SheetNumber& entry : kSheet) hardware.*entry.number = (system.*entry.sheet).value;
  return hardware;
}

double known(const Hardware& hardware, std::optional<double> Hardware::*number) {
  if (hardware.*number) return *(hardware.*number);
  const auto entry = std::ranges::find(kSheet, number, &SheetNumber::number);
  throw Unsupported(std::string(entry->key),
                    fmt::format("a time needs {}, which the system's data sheet does not give", entry->key));
}

}  // namespace perfbench
