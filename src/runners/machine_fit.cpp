#include "runners/machine_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace perfbench {
namespace {

constexpr std::int64_t kProcessBytes = std::int64_t{1} << 29;  // LibTorch's code, its threads and this program: 0.5 GiB

// CUDA's context, the libraries' code and NCCL's buffers on a GPU: an allowance of 1 GiB, not a measurement.
constexpr std::int64_t kContextBytes = std::int64_t{1} << 30;

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / kGiB; }

std::vector<StageMemoryBytes>::const_iterator fullest_of(const std::vector<StageMemoryBytes>& stages) {
  const auto less = [](const auto& a, const auto& b) { return planned_bytes(a) < planned_bytes(b); };
  return std::max_element(stages.begin(), stages.end(), less);
}

}  // namespace

std::int64_t planned_bytes(const StageMemoryBytes& stage) { return std::llround(stage.planned()); }

std::string why_it_does_not_fit(const std::vector<StageMemoryBytes>& stages, int stage_ranks,
                                const std::optional<std::int64_t>& available) {
  double needed = kProcessBytes;
  const auto num_stages = std::ranges::count_if(stages, [](const auto& stage) { return planned_bytes(stage) > 0; });
  for (const StageMemoryBytes& stage : stages) needed += stage_ranks * stage.planned();
  if (!available || needed <= static_cast<double>(*available)) return "";
  const auto fullest = fullest_of(stages);
  return fmt::format(
      "the {} ranks need {:.2f} GiB together, {:.2f} GiB of this machine's memory are free; the fullest are those of "
      "stage {} with {:.2f} GiB each, and the process takes {:.2f} GiB",
      stage_ranks * num_stages, needed / kGiB, gib(*available), fullest - stages.begin(), gib(planned_bytes(*fullest)),
      gib(kProcessBytes));
}

std::string why_it_does_not_fit(const std::vector<StageMemoryBytes>& stages, std::span<const CudaDevice> devices) {
  if (devices.empty()) return "";
  const auto smallest = std::ranges::min_element(devices, {}, &CudaDevice::memory_bytes);
  const auto fullest = fullest_of(stages);
  const std::int64_t planned = planned_bytes(*fullest);
  if (planned + kContextBytes <= smallest->memory_bytes) return "";
  return fmt::format(
      "a rank of stage {} needs {:.2f} GiB by the plan and CUDA's context {:.2f} GiB, and {} has {:.2f} GiB",
      fullest - stages.begin(), gib(planned), gib(kContextBytes), smallest->name, gib(smallest->memory_bytes));
}

}  // namespace perfbench
