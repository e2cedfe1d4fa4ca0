// run.json: where and when rows were made. What varies from run to run is here, so that rows.csv and rows.json need
// not.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/whole_file.h"
#include "job/env_vars.h"
#include "rows/row.h"

namespace perfbench {

// The files of a result, by name; not every result has all of them.
inline constexpr std::string_view kResultFiles[] = {"rows.csv", "rows.json",     "rows.md",
                                                    "run.json", "telemetry.csv", "kernels.json"};

struct RunRecord {
  std::string run{};  // the id that the rows carry, too
  std::string host{};
  std::string date{};                                           // UTC, "2026-01-31T12:00:00Z"
  std::vector<std::pair<std::string, std::string>> versions{};  // "perfbench", "libtorch", "nccl", "driver", ...
  std::string commit{};                                         // of the sources: 40 hex digits, or "unknown"
  std::string data_files{};                                     // digest of the folder of data files
  std::vector<std::string> command{};                           // the command line, secrets already hidden
  EnvVars env_vars{};                                           // of env_vars.json; only recorded() of them is written
  EnvVars environment{};                                        // of the process: recorded_environment()
};

std::string utc_now();  // "2026-01-31T12:00:00Z"

Json to_json(const RunRecord& record);

// Adds run.json to the files of a result. Added last it is replaced last: until then the old one does not go with what
// is new.
void add_run(FileSet& files, const RunRecord& record);

// Further files of a result: names and texts.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

// rows.csv, rows.json, the further files and run.json in `folder`: where a byte can't be written, all old files stay.
// Returns their names. Throws RunError.
std::vector<std::string> write_results(const std::filesystem::path& folder, std::span<const Row> rows,
                                       const RunRecord& record, const NamedTexts& further = {});

// Throws as require_writable_directory(), and InputError where a folder stands in the place of a file of a result.
void require_result_folder(const std::filesystem::path& folder);

// The rows of rows.csv in `folder`. Throws InputError when they are not of the run that run.json tells of, where there
// is one: a write that failed halfway, or files of two runs put together.
std::vector<Row> read_results(const std::filesystem::path& folder);

}  // namespace perfbench
