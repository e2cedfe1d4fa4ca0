#include "audit/read_tables.h"

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "base/csv.h"
#include "base/file.h"
#include "base/text.h"
#include "job/request.h"
#include "rows/published_headings.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kOwnColumns{"row",   "system",  "task",       "precision",
                                                      "stack", "section", "source_line"};
// What an import adds.
constexpr std::array<std::string_view, 5> kImportColumns{"source", "units", "flops_convention", "unread", "note"};
const std::vector<std::string> kCommandColumns{"row", "variant", "command"};

bool is_own(std::string_view heading) {
  return std::ranges::find(kOwnColumns, heading) != kOwnColumns.end() ||
         std::ranges::find(kImportColumns, heading) != kImportColumns.end();
}

bool has_column(const CsvTable& table, std::string_view column) {
  return std::ranges::find(table.header, column) != table.header.end();
}

bool is_published_form(const CsvTable& table) {
  return std::ranges::all_of(kOwnColumns, [&](std::string_view own) { return has_column(table, own); });
}

std::string own_cell(const CsvTable& table, const CsvRow& row, std::string_view column) {
  const auto found = std::ranges::find(table.header, column);
  return found == table.header.end() ? "" : row.cells[static_cast<std::size_t>(found - table.header.begin())];
}

std::vector<AuditedCell> empty_cells(const CsvTable& table, std::vector<Problem>& problems) {
  std::vector<AuditedCell> cells;
  for (const std::string& heading : table.header) {
    if (is_own(heading)) continue;
    const PublishedHeading* known = find_heading(heading);
    if (known == nullptr && !has_column(table, "unread"))
      problems.push_back({table.file, "unknown column \"" + heading + "\"", heading_hint(heading)});
    AuditedCell cell{.heading = heading, .name = heading_key(heading), .text = ""};
    if (known != nullptr && !known->name.empty()) cell.name = known->name;
    if (known != nullptr) cell.to_named_unit = known->to_named_unit;
    cells.push_back(std::move(cell));
  }
  return cells;
}

// A stack that no document names counts its batches as the tables with a local batch do, or as the others.
const Stack* stack_of(const AuditedRow& row, const std::string& named, const Facts& facts) {
  if (const Stack* stack = facts.stack(named)) return stack;
  return facts.stack(find_cell(row, "lbs") == nullptr ? kDefaultStack : "automodel");
}

TableFlops flops_of(const AuditedRow& row, const std::string& convention, const Facts& facts) {
  TableFlops flops = flops_of_table(facts.quirks(), row.table, row.model == nullptr ? "" : row.model->name,
                                    row.task.value_or(Task::pretrain), row.model_text);
  if (const auto named = parse_flops_convention(convention)) flops.convention = named;
  return flops;
}

// How the tables that are known count the model, where that is not by a convention alone.
std::vector<TableFlops> flops_elsewhere(const AuditedRow& row, const Facts& facts) {
  std::vector<TableFlops> all;
  if (row.flops.convention || row.model == nullptr) return all;
  std::set<std::string> tables;
  for (const TableQuirk& line : facts.quirks()) {
    if (line.model.empty() || !tables.insert(line.table).second) continue;
    TableFlops flops = flops_of_table(facts.quirks(), line.table, row.model->name, row.task.value_or(Task::pretrain));
    if (!(flops.quirks == FlopsQuirks{})) all.push_back(std::move(flops));
  }
  return all;
}

class TableParser {
 public:
  TableParser(const CsvTable& csv, const Facts& facts) : csv_(csv), facts_(facts) {}

  AuditedTable parse() {
    AuditedTable table{.name = fs::path(csv_.file).filename().string()};
    for (const std::string_view own : kOwnColumns)
      if (!has_column(csv_, own))
        problems_.push_back({csv_.file, "the column " + std::string(own) + " is missing", ""});
    const std::vector<AuditedCell> cells = empty_cells(csv_, problems_);
    if (problems_.empty())
      for (const CsvRow& line : csv_.rows) table.rows.push_back(parse_row(line, table.name, cells));
    if (!problems_.empty()) throw InputError(std::move(problems_));
    return table;
  }

 private:
  AuditedRow parse_row(const CsvRow& line, const std::string& table, std::vector<AuditedCell> cells) {
    AuditedRow row{.table = table,
                   .line = line.line,
                   .id = own_cell(csv_, line, "row"),
                   .section = own_cell(csv_, line, "section"),
                   .system_text = own_cell(csv_, line, "system"),
                   .cells = std::move(cells)};
    std::size_t next = 0;
    for (std::size_t i = 0; i < csv_.header.size(); ++i)
      if (!is_own(csv_.header[i])) row.cells[next++].text = line.cells[i];
    row.model_text = text_of(row, "model");
    const std::string task = own_cell(csv_, line, "task"), precision = own_cell(csv_, line, "precision");
    row.task = parse_task(task);
    row.precision = parse_precision(precision);
    if (!row.task && !is_unset(task)) wrong(line, "task", task, "is no task");
    if (!row.precision && !is_unset(precision)) wrong(line, "precision", precision, "is no precision");
    row.model = facts_.model(row.model_text);
    row.system = facts_.system(row.system_text);
    row.stack = stack_of(row, own_cell(csv_, line, "stack"), facts_);
    row.flops = flops_of(row, own_cell(csv_, line, "flops_convention"), facts_);
    row.elsewhere = flops_elsewhere(row, facts_);
    return row;
  }

  void wrong(const CsvRow& line, const std::string& column, const std::string& cell, const std::string& rule) {
    problems_.push_back({csv_.file + ":" + std::to_string(line.line) + ": " + column + "=" + cell, rule, ""});
  }

  const CsvTable& csv_;
  const Facts& facts_;
  std::vector<Problem> problems_;
};

// The model of "scripts.performance.llm.pretrain_llama3_8b", the first word of its kind.
const ModelSpec* model_of_command(std::string_view command, const Facts& facts) {
  for (const std::string& word : split(command, ' ')) {
    const std::string module = word.substr(word.rfind('.') == std::string::npos ? 0 : word.rfind('.') + 1);
    for (const std::string_view task : {"pretrain_", "finetune_"})
      if (module.starts_with(task)) return facts.model(std::string_view(module).substr(task.size()));
  }
  return nullptr;
}

void take_commands(const CsvTable& table, const Facts& facts, AuditInput& input) {
  for (const CsvRow& row : table.rows)
    input.commands.push_back({row.cells[0], row.cells[1], row.cells[2], model_of_command(row.cells[2], facts)});
}

void read_document(const std::string& text, const std::string& file, const Facts& facts, const ImportHints& hints,
                   AuditInput& input) {
  const ImportedTable imported = import_table(text, file, hints);
  input.tables.push_back(TableParser(parse_csv(imported.csv, file), facts).parse());
  input.warnings.insert(input.warnings.end(), imported.warnings.begin(), imported.warnings.end());
}

void read_file_into(const std::string& file, const Facts& facts, const ImportHints& hints, AuditInput& input) {
  const std::string text = read_file(file);
  if (!lower(file).ends_with(".csv")) {
    read_document(text, file, facts, hints, input);
    return;
  }
  const CsvTable table = parse_csv(text, file);
  if (table.header == kCommandColumns)
    take_commands(table, facts, input);
  else if (is_published_form(table))
    input.tables.push_back(TableParser(table, facts).parse());
  else
    read_document(text, file, facts, hints, input);
}

}  // namespace

AuditedTable parse_audited_table(std::string_view text, const std::string& file, const Facts& facts) {
  return TableParser(parse_csv(text, file), facts).parse();
}

AuditInput read_audit_folder(const fs::path& folder, const Facts& facts) {
  AuditInput input;
  for (const fs::path& path : files_in(folder, ".csv")) {
    const CsvTable table = read_csv(path);
    if (table.header == kCommandColumns) take_commands(table, facts, input);
    if (is_published_form(table)) input.tables.push_back(TableParser(table, facts).parse());
  }
  return input;
}

AuditInput read_audit_files(std::span<const std::string> files, const Facts& facts, const ImportHints& hints) {
  AuditInput input;
  std::error_code error;  // of a file that was read there is none
  std::set<fs::path> read;
  for (const std::string& file : files) {
    read_file_into(file, facts, hints, input);
    read.insert(fs::weakly_canonical(file, error));
  }
  for (const std::string& file : files) {
    for (const fs::path& beside : files_in(directory_of(file), ".csv")) {
      if (!beside.stem().string().ends_with("_commands") || !read.insert(fs::weakly_canonical(beside, error)).second)
        continue;
      const CsvTable table = read_csv(beside);
      if (table.header == kCommandColumns) take_commands(table, facts, input);
    }
  }
  return input;
}

}  // namespace perfbench
