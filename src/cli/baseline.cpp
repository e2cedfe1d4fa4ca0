// perfbench baseline: the simulated rows of configuration tables, kept to compare with. `update` is the only thing that
// writes them.
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/diff_output.h"
#include "cli/output.h"
#include "job/config_table.h"
#include "rows/job_or_row.h"
#include "rows/writers.h"
#include "runners/simulate_row.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

struct Baseline {
  fs::path file;   // results/baselines/h100.csv
  fs::path table;  // the configurations that it holds
};

constexpr std::string_view kTableStart = "model_configs_";

// results/baselines beside the folder model_configs, unless --out says otherwise.
fs::path baseline_folder(const Options& options, const Catalog& catalog) {
  if (options.out) return *options.out;
  return fs::absolute(catalog.folder()).lexically_normal().parent_path() / "results" / "baselines";
}

// Without a word or --table: every system that has a table.
std::vector<std::string> asked_systems(const CommandLine& line, const Catalog& catalog) {
  if (!line.words.empty()) return line.words;
  std::vector<std::string> systems = catalog.system_names();
  std::erase_if(systems, [&](const std::string& name) { return !is_there(catalog.config_table(name)); });
  return systems;
}

std::vector<Baseline> asked_baselines(const CommandLine& line, const Catalog& catalog) {
  const fs::path folder = baseline_folder(line.options, catalog);
  if (line.options.table) {
    const fs::path table = *line.options.table;
    std::string stem = table.stem();
    if (stem.starts_with(kTableStart)) stem.erase(0, kTableStart.size());
    return {{folder / (stem + ".csv"), table}};
  }
  std::vector<Baseline> baselines;
  for (const std::string& name : asked_systems(line, catalog)) {
    const std::string system = catalog.system(name, "baseline").name;
    baselines.push_back({folder / (system + ".csv"), catalog.config_table(system)});
  }
  return baselines;
}

// Throws InputError with every baseline that nobody has written yet.
void require_written(const std::vector<Baseline>& baselines) {
  std::vector<Problem> problems;
  for (const Baseline& baseline : baselines) {
    if (is_there(baseline.file)) continue;
    problems.push_back({baseline.file.string(), fmt::format("there is no baseline of {} yet", baseline.table.string()),
                        "perfbench baseline update writes it"});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

// What a sweep of the table gives, simulated. Throws InputError with every row that is no job.
std::vector<Row> simulated_rows(const fs::path& path, const Catalog& catalog) {
  const ConfigTable table = read_config_table(path);
  std::vector<Problem> problems = table.problems;
  std::vector<Row> rows;
  RowSimulator simulate(catalog);
  for (const ConfigRow& config : table.rows) {
    JobOrRow asked = job_or_row(config.request, catalog);
    problems.insert(problems.end(), asked.problems.begin(), asked.problems.end());
    rows.push_back(asked.job ? simulate(*asked.job) : std::move(asked.row));
    rows.back().row_choice = fmt::format("{}:{}", table.file, config.line);
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return rows;
}

// What changes from the old file to the new rows; a file that can't be compared says why.
std::string changes(const Baseline& baseline, const std::vector<Row>& rows, const Options& options) {
  const std::string file = baseline.file.string(), table = baseline.table.string();
  if (!is_there(baseline.file)) return fmt::format("{} is new: {} rows of {}\n", file, rows.size(), table);
  try {
    const Diff diff = diff_rows(file, read_rows_csv(baseline.file), table, rows, asked_thresholds(options));
    return diffs_text({&diff, 1}, options);
  } catch (const InputError& error) {
    return fmt::format("{} can't be compared with the new rows; it is replaced by {} rows of {}\n{}", file, rows.size(),
                       table, error.what());
  }
}

}  // namespace

ExitCode run_baseline_update(const CommandLine& line) {
  asked_thresholds(line.options);  // refuses a wrong one before anything is done
  const Catalog catalog = Catalog::find();
  const std::vector<Baseline> baselines = asked_baselines(line, catalog);
  for (const Baseline& baseline : baselines) require_no_folder(baseline.file);
  std::vector<std::vector<Row>> rows;
  rows.reserve(baselines.size());
  for (const Baseline& baseline : baselines) rows.push_back(simulated_rows(baseline.table, catalog));
  for (std::size_t i = 0; i < baselines.size(); ++i) {
    const fs::path& file = baselines[i].file;
    const std::string text = rows_csv(rows[i]);
    if (is_there(file) && read_file(file) == text) {
      print(fmt::format("{} is as it was: {} rows\n", file.string(), rows[i].size()));
      continue;
    }
    require_writable_file(file);
    print(changes(baselines[i], rows[i], line.options));
    write_file(file, text);
    print(fmt::format("wrote {}\n", file.string()));
  }
  return ExitCode::ok;
}

ExitCode run_baseline_check(const CommandLine& line) {
  const Thresholds thresholds = asked_thresholds(line.options);
  const Catalog catalog = Catalog::find();
  const std::vector<Baseline> baselines = asked_baselines(line, catalog);
  require_written(baselines);
  if (line.options.junit) require_writable_file(*line.options.junit);
  std::vector<Diff> diffs;
  diffs.reserve(baselines.size());
  for (const Baseline& baseline : baselines)
    diffs.push_back(diff_rows(baseline.file.string(), read_rows_csv(baseline.file), baseline.table.string(),
                              simulated_rows(baseline.table, catalog), thresholds));
  return report_diffs(diffs, line.options);
}

}  // namespace perfbench
