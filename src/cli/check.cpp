// perfbench check: every row of configuration tables as a job, or the rule that it breaks.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/table.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "models/decoder.h"
#include "spec/resolve.h"

namespace perfbench {
namespace {

enum class Verdict { ok, unsupported, impossible };

constexpr std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::unsupported:
      return "unsupported";
    case Verdict::impossible:
      return "impossible";
  }
  return "?";
}

struct CheckedRow {
  std::string file;   // as it was given
  std::string place;  // "model_configs_h100.csv:12", as messages have it
  int line = 0;
  Request request;
  Verdict verdict = Verdict::ok;
  std::string feature;  // unsupported: which
  std::string reason;   // unsupported: why
  std::vector<Problem> problems;
};

struct Findings {
  std::vector<CheckedRow> rows;
  std::vector<Problem> problems;  // of whole files and of cells that are no values
  std::vector<std::string> warnings;
};

CheckedRow check_row(const std::string& file, const ConfigTable& table, const ConfigRow& row, const Catalog& catalog) {
  CheckedRow checked;
  checked.file = file;
  checked.place = fmt::format("{}:{}", table.file, row.line);
  checked.line = row.line;
  checked.request = row.request;
  try {
    require_programs(make_job(row.request, catalog));
  } catch (const Unsupported& problem) {
    checked.verdict = Verdict::unsupported;
    checked.feature = problem.feature();
    checked.reason = problem.what();
  } catch (const InputError& error) {
    checked.verdict = Verdict::impossible;
    checked.problems = error.problems();
  }
  return checked;
}

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

std::int64_t count(const Findings& findings, Verdict verdict) {
  return std::count_if(findings.rows.begin(), findings.rows.end(),
                       [&](const CheckedRow& row) { return row.verdict == verdict; });
}

std::string layout_text(const Request& request) {
  std::string text;
  const auto add = [&text](std::string_view axis, const std::optional<std::int64_t>& size) {
    if (size.value_or(1) > 1) text += fmt::format("{}{}{}", text.empty() ? "" : " ", axis, *size);
  };
  add("tp", request.tp);
  add("pp", request.pp);
  add("cp", request.cp);
  add("vp", request.vp);
  add("ep", request.ep);
  add("etp", request.etp);
  if (request.fsdp.value_or(false)) text += text.empty() ? "fsdp" : " fsdp";
  return text.empty() ? "-" : text;
}

std::string precision_text(const Request& request) {
  const std::optional<Precision> precision = asked_precision(request);
  return precision ? std::string(name(*precision)) : request.dtype.value_or("-");
}

std::string verdict_text(const CheckedRow& row) {
  if (row.verdict == Verdict::unsupported) return fmt::format("unsupported, feature={}", row.feature);
  if (row.verdict == Verdict::impossible && !row.problems.empty()) {
    const std::size_t more = row.problems.size() - 1;
    return fmt::format("impossible: {}{}", row.problems.front().what,
                       more > 0 ? fmt::format(" (and {} more)", more) : "");
  }
  return std::string(name(row.verdict));
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
                     count(findings, Verdict::ok), count(findings, Verdict::unsupported),
                     count(findings, Verdict::impossible));
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
                                {"ok", count(findings, Verdict::ok)},
                                {"unsupported", count(findings, Verdict::unsupported)},
                                {"impossible", count(findings, Verdict::impossible)}}) +
         "\n";
}

}  // namespace

ExitCode run_check(const CommandLine& line) {
  const Catalog catalog = Catalog::find();
  Findings findings;
  for (const std::string& file : line.words) check_table(file, catalog, findings);
  std::vector<Problem> problems = findings.problems;
  for (const CheckedRow& row : findings.rows) problems.insert(problems.end(), row.problems.begin(), row.problems.end());
  if (findings.rows.empty()) throw InputError(std::move(problems));

  print(line.options.json ? findings_json(findings) : findings_text(findings));
  warn(findings.warnings);
  if (problems.empty()) return ExitCode::ok;
  throw InputError(std::move(problems));
}

}  // namespace perfbench
