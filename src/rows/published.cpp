#include "rows/published.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/csv.h"
#include "base/file.h"
#include "base/text.h"
#include "rows/published_fields.h"
#include "rows/published_headings.h"

namespace perfbench {
namespace {

constexpr std::string_view kCorrections = "corrections.csv";
constexpr std::array<std::string_view, 7> kOwnColumns{"row",   "system",  "task",       "precision",
                                                      "stack", "section", "source_line"};
// Own columns that `import` adds: the document, the units of its figures, whose TFLOP/s they are, the headings that
// were kept although nobody knows them, and the second values of cells that hold two.
constexpr std::string_view kUnread = "unread";
constexpr std::array<std::string_view, 5> kOptionalColumns{"source", "units", "flops_convention", kUnread, "note"};

// One printed row on the way to a PublishedRow.
struct Printed {
  const CsvTable* table;
  std::string file;  // name of the table's file
  int line;
  std::vector<std::string> cells;
  std::vector<Correction> corrections;
};

bool is_own(std::string_view heading) {
  return std::find(kOwnColumns.begin(), kOwnColumns.end(), heading) != kOwnColumns.end() ||
         std::find(kOptionalColumns.begin(), kOptionalColumns.end(), heading) != kOptionalColumns.end();
}

// Whether a printed heading of the table means the value `name`.
bool prints(const CsvTable& table, std::string_view name) {
  return std::any_of(table.header.begin(), table.header.end(), [&](const std::string& heading) {
    const PublishedHeading* known = is_own(heading) ? nullptr : find_heading(heading);
    return known != nullptr && known->name == name;
  });
}

// The headings that the table's own column `unread` names.
std::vector<std::string> unread_headings(const CsvTable& table) {
  const auto column = std::find(table.header.begin(), table.header.end(), kUnread);
  std::vector<std::string> headings;
  if (column == table.header.end()) return headings;
  for (const CsvRow& row : table.rows)
    for (const std::string& heading : split(row.cells[static_cast<std::size_t>(column - table.header.begin())], ';'))
      headings.emplace_back(trim(heading));
  return headings;
}

std::size_t column_of(const CsvTable& table, std::string_view heading) {
  return static_cast<std::size_t>(std::find(table.header.begin(), table.header.end(), heading) - table.header.begin());
}

// Of "selective op", "selective layer", "Selective AC", "full", "No AC"; "" of other words.
std::string recompute_in(std::string_view cell) {
  const std::string text = lower(cell);
  const auto holds = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  if (holds("selective")) return holds("layer") ? "layers" : holds("op") ? "selective" : "some";
  if (holds("full")) return "full";
  return text.starts_with("no") ? "none" : "";
}

class Reader {
 public:
  explicit Reader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::vector<PublishedRow> read(std::string_view system) {
    read_tables();
    if (is_there(folder_ / kCorrections)) correct();
    std::vector<PublishedRow> rows;
    for (const std::string& id : order_) {
      const Printed& printed = printed_.at(id);
      if (system.empty() || own(printed, "system") == system) rows.push_back(parse(id, printed));
    }
    if (!problems_.empty()) throw InputError(std::move(problems_));
    return rows;
  }

 private:
  void read_tables() {
    std::vector<std::filesystem::path> paths = files_in(folder_, ".csv");
    std::erase(paths, folder_ / kCorrections);
    tables_.reserve(paths.size());  // Printed points into it
    for (const auto& path : paths) {
      CsvTable table = read_csv(path);
      const bool imported = column_of(table, "source_line") < table.header.size() && prints(table, "model");
      if (!imported && column_of(table, "Model") == table.header.size()) continue;  // something else about the tables
      tables_.push_back(std::move(table));
      if (headings_are_known(tables_.back())) take_rows(tables_.back(), path.filename().string());
    }
  }

  bool headings_are_known(const CsvTable& table) {
    const std::size_t before = problems_.size();
    for (const std::string_view own : kOwnColumns)
      if (column_of(table, own) == table.header.size())
        problems_.push_back({table.file, "the column " + std::string(own) + " is missing", ""});
    const std::vector<std::string> unread = unread_headings(table);
    for (const std::string& heading : table.header) {
      if (is_own(heading) || std::find(unread.begin(), unread.end(), heading) != unread.end()) continue;
      const PublishedHeading* known = find_heading(heading);
      if (known == nullptr) {
        problems_.push_back({table.file, "unknown column \"" + heading + "\"", heading_hint(heading)});
      } else if (known->unit == kUnknownUnit) {
        problems_.push_back({table.file, "the column \"" + heading + "\" doesn't say its unit", heading + " (s)"});
      }
    }
    return problems_.size() == before;
  }

  void take_rows(const CsvTable& table, const std::string& file) {
    for (const CsvRow& row : table.rows) {
      const std::string& id = row.cells[column_of(table, "row")];
      const auto [entry, is_new] = printed_.try_emplace(id, Printed{&table, file, row.line, row.cells, {}});
      if (is_new) {
        order_.push_back(id);
      } else {
        problems_.push_back(
            {table.file + ":" + std::to_string(row.line),
             "row " + id + " stands already in " + entry->second.file + ":" + std::to_string(entry->second.line), ""});
      }
    }
  }

  void correct() {
    const CsvTable table = read_csv(folder_ / kCorrections);
    const std::vector<std::string> wanted{"row", "column", "printed", "value", "reason"};
    if (table.header != wanted) {
      problems_.push_back({table.file, "the columns must be " + join(wanted, ","), ""});
      return;
    }
    for (const CsvRow& row : table.rows) apply(table, row);
  }

  void apply(const CsvTable& corrections, const CsvRow& row) {
    const std::string where = corrections.file + ":" + std::to_string(row.line);
    const Correction correction{row.cells[1], row.cells[2], row.cells[3], row.cells[4]};
    const auto found = printed_.find(row.cells[0]);
    if (found == printed_.end()) {
      problems_.push_back({where, "no table has a row " + row.cells[0], nearest_hint(row.cells[0], order_)});
      return;
    }
    Printed& printed = found->second;
    const std::size_t column = column_of(*printed.table, correction.column);
    if (column == printed.cells.size()) {
      problems_.push_back({where, printed.file + " has no column " + correction.column,
                           nearest_hint(correction.column, printed.table->header)});
    } else if (printed.cells[column] != correction.printed) {
      problems_.push_back({where,
                           correction.column + " of row " + row.cells[0] + " is printed as \"" + printed.cells[column] +
                               "\", not as \"" + correction.printed + "\"",
                           ""});
    } else {
      printed.cells[column] = correction.value;
      printed.corrections.push_back(correction);
    }
  }

  std::string own(const Printed& printed, std::string_view column) const {
    return printed.cells[column_of(*printed.table, column)];
  }

  PublishedRow parse(const std::string& id, const Printed& printed) {
    PublishedRow row{.row = id,
                     .source = printed.file + ":" + std::to_string(printed.line),
                     .section = own(printed, "section"),
                     .model = "",
                     .system = own(printed, "system"),
                     .task = parse_task(own(printed, "task")),
                     .precision = parse_precision(own(printed, "precision")),
                     .stack = own(printed, "stack"),
                     .corrections = printed.corrections};
    // Empty where the document doesn't say.
    if (!row.task && !own(printed, "task").empty()) wrong(printed, "task", own(printed, "task"), "is no task");
    if (!row.precision && !own(printed, "precision").empty())
      wrong(printed, "precision", own(printed, "precision"), "is no precision");
    for (std::size_t i = 0; i < printed.cells.size(); ++i) {
      const std::string& heading = printed.table->header[i];
      const PublishedHeading* known = is_own(heading) ? nullptr : find_heading(heading);
      if (known != nullptr) set(row, *known, printed, heading, printed.cells[i]);
    }
    row.fsdp_is_size = prints(*printed.table, "lbs") || row.fsdp.value_or(0) > 1;
    return row;
  }

  void set(PublishedRow& row, const PublishedHeading& known, const Printed& printed, const std::string& heading,
           const std::string& cell) {
    const std::string_view name = known.name;
    if (is_unset(cell) || name.empty()) return;
    if (name == "model") row.model = cell;
    if (name == "recompute") row.recompute = recompute_in(cell);
    for (const auto& [key, field] : kPublishedCounts) {
      if (key != name) continue;
      const auto count = parse_int(cell);
      const bool zero_is_unset = key == "vp" || key == "ep";
      const std::int64_t least = zero_is_unset || key == "fsdp" ? 0 : 1;
      if (!count || *count < least) {
        wrong(printed, heading, cell, "must be a whole number of at least " + std::to_string(least));
      } else if (!(zero_is_unset && *count == 0)) {
        row.*field = *count * static_cast<std::int64_t>(known.to_named_unit);
      }
    }
    for (const auto& [key, field] : kPublishedFigures) {
      if (key != name) continue;
      const auto figure = parse_double(cell);
      if (!figure || *figure <= 0.0) {
        wrong(printed, heading, cell, "must be a positive number");
      } else {
        row.*field = *figure * known.to_named_unit;
      }
    }
  }

  void wrong(const Printed& printed, const std::string& column, const std::string& cell, const std::string& rule) {
    problems_.push_back(
        {printed.table->file + ":" + std::to_string(printed.line) + ": " + column + "=" + cell, rule, ""});
  }

  std::filesystem::path folder_;
  std::vector<CsvTable> tables_;
  std::map<std::string, Printed> printed_;  // by id
  std::vector<std::string> order_;          // ids as the files have them
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<PublishedRow> read_published(const std::filesystem::path& folder, std::string_view system) {
  return Reader(folder).read(system);
}

}  // namespace perfbench
