// perfbench check: every row of configuration tables as a job, or the rule that it breaks.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "runners/checked_row.h"

namespace perfbench {
namespace {

struct Findings {
  std::vector<CheckedRow> rows;
  std::vector<Problem> problems;  // of whole files and of cells that are no values
  std::vector<std::string> warnings;
};

void check_table(const std::string& file, const Catalog& catalog, RowPlanner& plan, Findings& findings) {
  try {
    const ConfigTable table = read_config_table(file);
    for (const ConfigRow& row : table.rows) findings.rows.push_back(check_row(file, table, row, catalog, plan));
    findings.problems.insert(findings.problems.end(), table.problems.begin(), table.problems.end());
    findings.warnings.insert(findings.warnings.end(), table.warnings.begin(), table.warnings.end());
  } catch (const InputError& error) {
    findings.problems.insert(findings.problems.end(), error.problems().begin(), error.problems().end());
  }
}

constexpr Status kStatuses[] = {Status::ok, Status::oom, Status::unsupported, Status::failed};

std::int64_t count(const Findings& findings, Status status) {
  return std::count_if(findings.rows.begin(), findings.rows.end(),
                       [&](const CheckedRow& row) { return row.status == status; });
}

// "3 rows: 1 ok, 1 unsupported, 1 impossible", with oom where there is one.
std::string summary_text(const Findings& findings) {
  std::vector<std::string> counts;
  for (const Status status : kStatuses) {
    const std::int64_t rows = count(findings, status);
    if (rows > 0 || status != Status::oom) counts.push_back(fmt::format("{} {}", rows, verdict(status)));
  }
  return fmt::format("{} rows: {}\n", findings.rows.size(), join(counts, ", "));
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
  return to_terminal(table) + summary_text(findings);
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
                      {"status", std::string(verdict(row.status))},
                      {"feature", text(row.feature)},
                      {"reason", text(row.reason)},
                      {"problems", problems_json(row.problems)}};
}

std::string findings_json(const Findings& findings) {
  Json::Array rows;
  for (const CheckedRow& row : findings.rows) rows.push_back(row_json(row));
  Json::Object object{{"rows", std::move(rows)},
                      {"problems", problems_json(findings.problems)},
                      {"warnings", Json::Array(findings.warnings.begin(), findings.warnings.end())}};
  for (const Status status : kStatuses) object.emplace_back(std::string(verdict(status)), count(findings, status));
  return dump_json(Json(std::move(object))) + "\n";
}

}  // namespace

ExitCode run_check(const CommandLine& line) {
  const Catalog catalog = Catalog::find();
  Findings findings;
  RowPlanner plan(catalog);
  for (const std::string& file : line.words) check_table(file, catalog, plan, findings);
  std::vector<Problem> problems = findings.problems;
  for (const CheckedRow& row : findings.rows) problems.insert(problems.end(), row.problems.begin(), row.problems.end());
  warn(findings.warnings);
  if (!problems.empty()) throw InputError(std::move(problems));
  return print(line.options.json ? findings_json(findings) : findings_text(findings));
}

}  // namespace perfbench
