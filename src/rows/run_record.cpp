#include "rows/run_record.h"

#include "base/file.h"
#include "rows/writers.h"

namespace perfbench {

Json to_json(const RunRecord& record) {
  Json::Object versions, env_vars;
  for (const auto& [part, version] : record.versions) versions.emplace_back(part, version);
  for (const auto& [variable, value] : redacted(record.env_vars)) env_vars.emplace_back(variable, value);
  return Json::Object{{"host", record.host},
                      {"date", record.date},
                      {"versions", versions},
                      {"command", Json::Array(record.command.begin(), record.command.end())},
                      {"env_vars", env_vars}};
}

void write_results(const std::filesystem::path& folder, std::span<const Row> rows, const RunRecord& record) {
  write_file(folder / "rows.csv", rows_csv(rows));
  write_file(folder / "rows.json", rows_json(rows));
  write_file(folder / "run.json", dump_json(to_json(record)) + "\n");
}

}  // namespace perfbench
