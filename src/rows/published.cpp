#include "rows/published.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/csv.h"
#include "base/text.h"
#include "rows/published_fields.h"

namespace perfbench {
namespace {

constexpr std::string_view kCorrections = "corrections.csv";
constexpr std::array<std::string_view, 7> kOwnColumns{"row",   "system",  "task",       "precision",
                                                      "stack", "section", "source_line"};

// Headings of the published tables, as letters and digits only, and the name of the value; empty: kept, not read.
constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kHeadings{{
    {"model", "model"},
    {"gpus", "num_gpus"},
    {"gbs", "gbs"},
    {"mbs", "mbs"},
    {"lbs", "lbs"},
    {"sequencelength", "seq_len"},
    {"seqlength", "seq_len"},
    {"packedsequencelength", "seq_len"},
    {"fsdp", "fsdp"},
    {"tp", "tp"},
    {"pp", "pp"},
    {"cp", "cp"},
    {"vp", "vp"},
    {"ep", "ep"},
    {"dp", "dp"},
    {"ga", "ga"},
    {"timeperglobalsteps", "step_time_s"},
    {"tokenssecgpu", "tokens_per_s_per_gpu"},
    {"modeltflopsecgpu", "model_tflops_per_gpu"},
    {"modeltflopssecgpu", "model_tflops_per_gpu"},
    {"task", ""},
    {"sp", ""},
    {"kerneloptimizations", ""},
}};

std::string letters_and_digits(std::string_view heading) {
  std::string key;
  for (const char c : lower(heading))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) key += c;
  return key;
}

// One printed row on the way to a PublishedRow.
struct Printed {
  const CsvTable* table;
  std::string file;  // name of the table's file
  int line;
  std::vector<std::string> cells;
  std::vector<Correction> corrections;
};

std::size_t column_of(const CsvTable& table, std::string_view heading) {
  return static_cast<std::size_t>(std::find(table.header.begin(), table.header.end(), heading) - table.header.begin());
}

class Reader {
 public:
  explicit Reader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::vector<PublishedRow> read(std::string_view system) {
    read_tables();
    if (std::filesystem::exists(folder_ / kCorrections)) correct();
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
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      if (entry.path().extension() == ".csv" && entry.path().filename() != kCorrections) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    tables_.reserve(paths.size());  // Printed points into it
    for (const auto& path : paths) {
      CsvTable table = read_csv(path);
      if (column_of(table, "Model") == table.header.size()) continue;
      tables_.push_back(std::move(table));
      if (headings_are_known(tables_.back())) take_rows(tables_.back(), path.filename().string());
    }
  }

  bool headings_are_known(const CsvTable& table) {
    const std::size_t before = problems_.size();
    for (const std::string_view own : kOwnColumns)
      if (column_of(table, own) == table.header.size())
        problems_.push_back({table.file, "the column " + std::string(own) + " is missing", ""});
    for (const std::string& heading : table.header) {
      if (std::find(kOwnColumns.begin(), kOwnColumns.end(), heading) != kOwnColumns.end()) continue;
      std::vector<std::string> known;
      known.reserve(kHeadings.size());
      for (const auto& [key, name] : kHeadings) known.emplace_back(key);
      const std::string key = letters_and_digits(heading);
      if (std::find(known.begin(), known.end(), key) == known.end())
        problems_.push_back({table.file, "unknown column \"" + heading + "\"", nearest_hint(key, known)});
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
                     .fsdp_is_size = column_of(*printed.table, "LBS") < printed.table->header.size(),
                     .corrections = printed.corrections};
    if (!row.task) wrong(printed, "task", own(printed, "task"), "is no task");
    if (!row.precision) wrong(printed, "precision", own(printed, "precision"), "is no precision");
    for (std::size_t i = 0; i < printed.cells.size(); ++i) {
      const std::string& heading = printed.table->header[i];
      if (std::find(kOwnColumns.begin(), kOwnColumns.end(), heading) != kOwnColumns.end()) continue;
      const std::string key = letters_and_digits(heading);
      const auto known =
          std::find_if(kHeadings.begin(), kHeadings.end(), [&](const auto& h) { return h.first == key; });
      set(row, known->second, printed, heading, printed.cells[i]);
    }
    return row;
  }

  void set(PublishedRow& row, std::string_view name, const Printed& printed, const std::string& heading,
           const std::string& cell) {
    if (is_unset(cell) || name.empty()) return;
    if (name == "model") row.model = cell;
    for (const auto& [key, field] : kPublishedCounts) {
      if (key != name) continue;
      const auto count = parse_int(cell);
      const bool zero_is_unset = key == "vp" || key == "ep";
      const std::int64_t least = zero_is_unset || key == "fsdp" ? 0 : 1;
      if (!count || *count < least) {
        wrong(printed, heading, cell, "must be a whole number of at least " + std::to_string(least));
      } else if (!(zero_is_unset && *count == 0)) {
        row.*field = count;
      }
    }
    for (const auto& [key, field] : kPublishedFigures) {
      if (key != name) continue;
      const auto figure = parse_double(cell);
      if (!figure || *figure <= 0.0) {
        wrong(printed, heading, cell, "must be a positive number");
      } else {
        row.*field = figure;
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
  if (!std::filesystem::is_directory(folder)) return {};
  return Reader(folder).read(system);
}

}  // namespace perfbench
