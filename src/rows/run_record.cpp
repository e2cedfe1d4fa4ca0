#include "rows/run_record.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "job/recorded_vars.h"
#include "rows/row_writer.h"
#include "rows/writers.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

std::string run_text(const std::string& run) { return run.empty() ? "no run" : "run " + run; }

Json json_of(const EnvVars& variables) {
  Json::Object object;
  for (const auto& [name, value] : variables) object.emplace_back(name, value);
  return object;
}

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

Json to_json(const RunRecord& record) {
  Json::Object versions;
  for (const auto& [part, version] : record.versions) versions.emplace_back(part, version);
  return Json::Object{{"run", record.run},
                      {"host", record.host},
                      {"date", record.date},
                      {"versions", versions},
                      {"commit", record.commit},
                      {"data_files", record.data_files},
                      {"command", Json::Array(record.command.begin(), record.command.end())},
                      {"env_vars", json_of(recorded(record.env_vars))},
                      {"environment", json_of(record.environment)}};
}

void add_run(FileSet& files, const RunRecord& record) { files.add("run.json").add(dump_json(to_json(record)) + "\n"); }

std::vector<std::string> write_results(const fs::path& folder, std::span<const Row> rows, const RunRecord& record,
                                       const NamedTexts& further) {
  FileSet files(folder);
  RowWriter writer(files, {RowFile::csv, RowFile::json});
  for (const Row& row : rows) writer.add(row);
  writer.finish();
  std::vector<std::string> names{"rows.csv", "rows.json"};
  for (const auto& [name, text] : further) {
    files.add(name).add(text);
    names.push_back(name);
  }
  add_run(files, record);
  names.emplace_back("run.json");
  files.commit();
  return names;
}

void require_result_folder(const fs::path& folder) {
  require_writable_directory(folder);
  for (const std::string_view name : kResultFiles) require_no_folder(folder / name);
}

std::vector<Row> read_results(const fs::path& folder) {
  const fs::path table = folder / "rows.csv", record = folder / "run.json";
  std::vector<Row> rows = read_rows_csv(table);
  std::error_code error;
  if (!fs::exists(record, error)) return rows;
  const Json json = read_json(record);
  const Json* run = json.find("run");
  const std::string of_record = run != nullptr && run->is_string() ? std::get<std::string>(run->value) : "";
  for (const Row& row : rows) {
    if (row.run == of_record) continue;
    throw InputError(
        table.string(),
        fmt::format("has a row of {}, and {} is of {}", run_text(row.run), record.string(), run_text(of_record)),
        "the files are not of one result: run it again, or name rows.csv itself");
  }
  return rows;
}

}  // namespace perfbench
