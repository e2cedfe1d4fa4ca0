// run.json: where and when rows were made. What varies from run to run is here, so that rows.csv and rows.json need
// not.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "rows/row.h"
#include "spec/env_vars.h"

namespace perfbench {

struct RunRecord {
  std::string host{};
  std::string date{};                                           // UTC, "2026-01-31T12:00:00Z"
  std::vector<std::pair<std::string, std::string>> versions{};  // "perfbench", "libtorch", "nccl", "driver", ...
  std::vector<std::string> command{};                           // the command line, secrets already hidden
  EnvVars env_vars{};                                           // of env_vars.json; secrets are redacted on the way out
};

Json to_json(const RunRecord& record);

// rows.csv, rows.json and run.json in `folder`, each whole or not at all. Throws RunError.
void write_results(const std::filesystem::path& folder, std::span<const Row> rows, const RunRecord& record);

}  // namespace perfbench
