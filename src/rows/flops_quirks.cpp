#include "rows/flops_quirks.h"

#include <array>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace perfbench {
namespace {

const std::vector<std::string> kColumns{"table", "model", "task", "quirk", "value", "reason"};

std::vector<std::string> convention_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kFlopsConventions));
  for (const FlopsConvention convention : kFlopsConventions) names.emplace_back(name(convention));
  return names;
}

// Sets what the line says; the problem, if it says nothing that can be.
std::optional<Problem> apply(const TableQuirk& line, TableFlops& flops) {
  const auto wrong = [&](std::string rule, std::string hint = "") {
    return Problem{line.quirk + "=" + line.value, std::move(rule), std::move(hint)};
  };
  if (line.quirk == "convention") {
    flops.convention = parse_flops_convention(line.value);
    if (!flops.convention) return wrong("is no convention", nearest_hint(line.value, convention_names()));
  } else if (line.quirk == "kv_heads" || line.quirk == "head_dim") {
    const auto count = parse_int(line.value);
    if (!count || *count < 1 || *count > 65536) return wrong("must be a whole number from 1 to 65536");
    if (line.quirk == "kv_heads") flops.quirks.kv_heads = static_cast<int>(*count);
    if (line.quirk == "head_dim") flops.quirks.head_dim = *count;
  } else if (line.quirk == "causal") {
    flops.quirks.causal = parse_bool(line.value);
    if (!flops.quirks.causal) return wrong("must be true or false");
  } else if (line.quirk == "flops_per_token") {
    flops.quirks.flops_per_token = parse_double(line.value);
    if (flops.quirks.flops_per_token.value_or(0.0) <= 0.0) return wrong("must be a positive number");
  } else {
    const std::array<std::string, 5> known{"convention", "kv_heads", "head_dim", "causal", "flops_per_token"};
    return wrong("unknown quirk \"" + line.quirk + "\"", nearest_hint(line.quirk, known));
  }
  return std::nullopt;
}

}  // namespace

std::vector<TableQuirk> read_flops_quirks(const std::filesystem::path& path) {
  if (!is_there(path)) return {};
  const CsvTable table = read_csv(path);
  if (table.header != kColumns) throw InputError(table.file, "the columns must be " + join(kColumns, ","));
  std::vector<TableQuirk> quirks;
  std::vector<Problem> problems;
  for (const CsvRow& row : table.rows) {
    const std::string where = table.file + ":" + std::to_string(row.line);
    TableQuirk quirk{.table = row.cells[0],
                     .model = row.cells[1],
                     .task = parse_task(row.cells[2]),
                     .quirk = row.cells[3],
                     .value = row.cells[4],
                     .reason = row.cells[5]};
    if (!row.cells[2].empty() && !quirk.task)
      problems.push_back({where, "\"" + row.cells[2] + "\" is no task", "valid: pretrain, sft, lora"});
    TableFlops ignored;
    if (auto problem = apply(quirk, ignored)) {
      problem->where = where + ": " + problem->where;
      problems.push_back(*problem);
    }
    quirks.push_back(std::move(quirk));
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return quirks;
}

TableFlops flops_of_table(const std::vector<TableQuirk>& quirks, std::string_view table, std::string_view model,
                          Task task, std::string_view printed) {
  TableFlops flops;
  for (const TableQuirk& line : quirks) {
    const bool of_model = line.model.empty() || line.model == model || line.model == printed;
    if (line.table != table || !of_model || line.task.value_or(task) != task) continue;
    check(!apply(line, flops), "flops_of_table: the lines must come from read_flops_quirks");
    if (line.quirk != "convention") flops.reasons.push_back(line.reason);
  }
  return flops;
}

std::string_view table_file(const PublishedRow& row) {
  return std::string_view(row.source).substr(0, row.source.rfind(':'));
}

}  // namespace perfbench
