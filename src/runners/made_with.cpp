#include "runners/made_with.h"

#include <fmt/format.h>

#include "base/file.h"
#include "engine/abi.h"
#include "engine/engine.h"
#include "harness/digest.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

std::string gpus_text(Device device) {
  if (device != Device::cuda) return "";
  const EngineReport report = engine_report();
  return fmt::format(", CUDA {} on {}", report.cuda.version,
                     report.devices.empty() ? "no GPU" : report.devices.front().name);
}

// Of a measurement, or of measured kernels; nothing of a plain simulation.
std::string measurement_text(const Making& making, const RunEnvironment& environment) {
  if (making.calibration) return fmt::format("calibration {}\n", digest(read_file(*making.calibration)));
  if (!runs_engine(making.mode)) return "";
  const SliceSettings& slice = making.settings.slice;
  const MeasureSettings& measure = slice.measure;
  const fs::path engine = executable_path().parent_path() / kEngineLibrary;
  std::string text =
      fmt::format("device {}{}, {} steps, {} of them warm-up, seed {}, engine {}\n",
                  measure.device == Device::cpu ? "cpu" : "cuda", gpus_text(measure.device), measure.steps,
                  measure.warmup, measure.seed, fs::exists(engine) ? file_digest(engine) : "none");
  if (making.mode == Mode::slice)
    text += fmt::format("stage {}, microbatches {}\n", making.stage_word, slice.microbatches.value_or(0));
  if (environment.given()) text += fmt::format("env_vars {}\n", environment.digest());
  return text;
}

std::string published_digests(const Catalog& catalog) {
  std::string text;
  for (const fs::path& file : files_in(catalog.folder() / "published", ".csv"))
    text += fmt::format("published {} {}\n", file.filename().string(), file_digest(file));
  return text;
}

}  // namespace

MadeWith::MadeWith(const Catalog& catalog, const Making& making, const RunEnvironment& environment)
    : catalog_(catalog),
      common_(fmt::format("perfbench {} {}\nmode {}\n{}{}", PERFBENCH_VERSION, file_digest("/proc/self/exe"),
                          making.mode_word, measurement_text(making, environment), published_digests(catalog))),
      simulates_(!runs_engine(making.mode)) {}

const std::string& MadeWith::of(const Job& job) {
  const auto [entry, is_new] = by_system_.try_emplace(job.system.name);
  if (is_new) {
    const fs::path file = catalog_.kernel_constants(job.system);
    entry->second = fmt::format("{}kernels {} {}\n", common_, file.filename().string(), file_digest(file));
    const fs::path configs = catalog_.config_table(job.system.name);
    if (simulates_ && fs::exists(configs)) entry->second += fmt::format("configs {}\n", file_digest(configs));
  }
  return entry->second;
}

}  // namespace perfbench
