// Where the files of a single row go.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rows/run_record.h"

namespace perfbench {

std::optional<std::filesystem::path> nemorun_home();  // of the environment

struct ResultFolder {
  std::filesystem::path path;
  bool of_runs = false;  // each run makes a folder of its own in it: <date>-<model>-<n>
};

// `out` as it is, or, where NEMORUN_HOME is set, the folder perfbench there; nothing without either. Throws InputError,
// of a full disk RunError, when no result could be written there.
std::optional<ResultFolder> result_folder(const std::optional<std::string>& out);

struct WrittenResult {
  std::string where{};                  // "results: rows.csv, rows.json and run.json in DIR"
  std::vector<std::string> warnings{};  // of the link
};

// Writes the row's files, in a folder that nothing else has where those of runs lie; the link `latest` there names it
// then. Throws RunError: nothing of an old result is changed.
WrittenResult write_result(const ResultFolder& folder, const Row& row, const RunRecord& record,
                           const NamedTexts& further);

}  // namespace perfbench
