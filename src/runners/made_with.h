// What a row depends on beside its job.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "job/catalog.h"
#include "job/job.h"
#include "runners/make_runner.h"
#include "runners/run_environment.h"

namespace perfbench {

// How the rows of a sweep are made.
struct Making {
  Mode mode = Mode::automatic;
  std::string_view mode_word{};                      // as it is asked for
  std::string_view stage_word{};                     // of mode slice
  RunnerSettings settings{};                         // of a run
  std::optional<std::filesystem::path> calibration;  // the file of settings.calibration
};

// The code, the mode, the kernel constants and the published tables with the configurations that they ran, which only
// predictions are compared with, as a text for job_key(). Reads what the command line names when it is made.
class MadeWith {
 public:
  MadeWith(const Catalog& catalog, const Making& making, const RunEnvironment& environment);
  const std::string& of(const Job& job);

 private:
  const Catalog& catalog_;
  std::string common_;
  bool simulates_;
  std::map<std::string, std::string> by_system_;
};

}  // namespace perfbench
