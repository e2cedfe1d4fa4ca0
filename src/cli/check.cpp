// perfbench check: every row of configuration tables as a job, or the rule that it breaks.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/table.h"
#include "cli/checked_row.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace perfbench {
namespace {

struct Findings {
  std::vector<CheckedRow> rows;
  std::vector<Problem> problems;  // of whole files and of cells that are no values
  std::vector<std::string> warnings;
};

void check_table(const std::string& file, const Catalog& catalog, Findings& findings) {
  try {
    const ConfigTable table = read_config_table(file);
    for (const ConfigRow& row : table.rows) findings.rows.push_back(check_row(file, table, row, catalog));
    findings.problems.insert(findings.problems.end(), table.problems.begin(), table.problems.end());
    findings.warnings.insert(findings.warnings.end(), table.warnings.begin(), table.warnings.end());
  } catch (const InputError& error) {
    findings.problems.insert(findings.problems.end(), error.problems().begin(), error.problems().end());
  }
}

std::int64_t count(const Findings& findings, RowVerdict verdict) {
  return std::count_if(findings.rows.begin(), findings.rows.end(),
                       [&](const CheckedRow& row) { return row.verdict == verdict; });
}

std::string findings_text(const Findings& findings) {
  TextTable table{.header = {"row", "model", "task", "system", "precision", "num_gpus", "layout", "status"},
                  .rows = {},
                  .right_aligned = {false, false, false, false, false, true, false, false}};
  for (const CheckedRow& row : findings.rows) {
    const Request& asked = row.request;
    table.rows.push_back({row.place, asked.model.value_or("-"), asked.task ? std::string(name(*asked.task)) : "-",
                          asked.system.value_or("-"), precision_text(asked),
                          asked.num_gpus ? std::to_string(*asked.num_gpus) : "-", layout_text(asked),
                          verdict_text(row)});
  }
  return fmt::format("{}{} rows: {} ok, {} unsupported, {} impossible\n", to_terminal(table), findings.rows.size(),
                     count(findings, RowVerdict::ok), count(findings, RowVerdict::unsupported),
                     count(findings, RowVerdict::impossible));
}

Json problems_json(const std::vector<Problem>& problems) {
  Json::Array array;
  for (const Problem& problem : problems)
    array.push_back(Json::Object{{"where", problem.where}, {"rule", problem.what}, {"hint", problem.hint}});
  return array;
}

Json row_json(const CheckedRow& row) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  const Request& asked = row.request;
  return Json::Object{{"file", row.file},
                      {"line", row.line},
                      {"model", asked.model ? Json(*asked.model) : Json()},
                      {"task", asked.task ? Json(std::string(name(*asked.task))) : Json()},
                      {"system", asked.system ? Json(*asked.system) : Json()},
                      {"precision", precision_text(asked)},
                      {"num_gpus", asked.num_gpus ? Json(*asked.num_gpus) : Json()},
                      {"layout", layout_text(asked)},
                      {"status", std::string(name(row.verdict))},
                      {"feature", text(row.feature)},
                      {"reason", text(row.reason)},
                      {"problems", problems_json(row.problems)}};
}

std::string findings_json(const Findings& findings) {
  Json::Array rows;
  for (const CheckedRow& row : findings.rows) rows.push_back(row_json(row));
  return dump_json(Json::Object{{"rows", std::move(rows)},
                                {"problems", problems_json(findings.problems)},
                                {"warnings", Json::Array(findings.warnings.begin(), findings.warnings.end())},
                                {"ok", count(findings, RowVerdict::ok)},
                                {"unsupported", count(findings, RowVerdict::unsupported)},
                                {"impossible", count(findings, RowVerdict::impossible)}}) +
         "\n";
}

}  // namespace

ExitCode run_check(const CommandLine& line) {
  const Catalog catalog = Catalog::find();
  Findings findings;
  for (const std::string& file : line.words) check_table(file, catalog, findings);
  std::vector<Problem> problems = findings.problems;
  for (const CheckedRow& row : findings.rows) problems.insert(problems.end(), row.problems.begin(), row.problems.end());
  warn(findings.warnings);
  if (!problems.empty()) throw InputError(std::move(problems));
  return print(line.options.json ? findings_json(findings) : findings_text(findings));
}

}  // namespace perfbench
