#include "import/import_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/csv.h"
#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "import/document.h"
#include "import/import_words.h"
#include "rows/published_fields.h"
#include "rows/published_headings.h"

namespace perfbench {
namespace {

const std::vector<std::string> kOwnColumns{"row",     "system",      "task",   "precision", "stack",
                                           "section", "source_line", "source", "units",     "flops_convention"};
// Further own columns, where a table needs them: unknown headings that were kept, second values of cells.
constexpr std::string_view kUnread = "unread", kNote = "note";
constexpr std::size_t kLeastColumns = 3;  // that must be known before a table is one of performance

struct ImportedRow {
  std::map<std::string, std::string, std::less<>> own;
  std::map<std::string, std::string, std::less<>> printed;  // by heading
};

std::string_view name_of(std::string_view heading) {
  const PublishedHeading* known = find_heading(heading);
  return known == nullptr ? "" : known->name;
}

bool is_figure(std::string_view name) {
  return std::any_of(kPublishedFigures.begin(), kPublishedFigures.end(), [&](const auto& f) { return f.name == name; });
}

bool is_count(std::string_view name) {
  return std::any_of(kPublishedCounts.begin(), kPublishedCounts.end(), [&](const auto& c) { return c.name == name; });
}

// Of a table, or of nothing where the cells have none.
std::string units_of(const DocumentTable& table) {
  std::vector<std::string> units;
  for (const std::string& heading : table.header)
    if (const PublishedHeading* known = find_heading(heading); known != nullptr && !known->unit.empty())
      units.push_back(heading + "=" + std::string(known->unit));
  return join(units, "; ");
}

std::string quoted(const std::vector<std::string>& headings) {
  std::vector<std::string> all;
  all.reserve(headings.size());
  for (const std::string& heading : headings) all.push_back('"' + heading + '"');
  return all.empty() ? "none" : join(all, ", ");
}

class Importer {
 public:
  Importer(std::string file, const ImportHints& hints) : file_(std::move(file)), hints_(hints) {
    const std::filesystem::path path(file_);
    id_ = hints.id.empty() ? path.stem().string() : hints.id;
    source_ = path.filename().string();
  }

  ImportedTable import(Document document) {
    imported_.warnings = std::move(document.warnings);
    for (DocumentTable& table : document.tables) take(table);
    if (imported_.tables == 0 && problems_.empty()) problems_.push_back(no_table(document));
    if (!problems_.empty()) throw InputError(std::move(problems_));
    warn_of_gaps();
    imported_.rows = static_cast<int>(rows_.size());
    imported_.csv = csv();
    return std::move(imported_);
  }

 private:
  std::string place(int line) const { return file_ + ":" + std::to_string(line); }

  Problem no_table(const Document& document) const {
    if (document.tables.empty())
      return {file_ + ":1", "no table was recognised: neither Markdown pipes above a line of dashes nor CSV",
              "tables in HTML are not read; for a log: --format log"};
    return {place(document.tables.front().line),
            "none of " + std::to_string(document.tables.size()) +
                " tables is one of performance; the first has the columns " + quoted(document.tables.front().header),
            "a table has a column Model and at least " + std::to_string(kLeastColumns - 1) + " more that are known"};
  }

  void take(DocumentTable& table) {
    std::vector<std::string> known, unknown;
    for (const std::string& heading : table.header)
      (find_heading(heading) != nullptr ? known : unknown).push_back(heading);
    const bool has_model = std::any_of(table.header.begin(), table.header.end(),
                                       [](const std::string& heading) { return name_of(heading) == "model"; });
    if (known.size() < kLeastColumns) {
      imported_.warnings.push_back(place(table.line) + ": left out, no table of performance: its columns are " +
                                   quoted(table.header));
      return;
    }
    ++imported_.tables;
    if (!has_model && model_above(table).empty()) {
      problems_.push_back({place(table.line), "no column names the model; recognised: " + quoted(known),
                           "a column Model, a heading \"Model: NAME\" above the table, or --model NAME"});
    }
    if (!headings_are_right(table, known, unknown)) return;
    add_columns(table, has_model);
    const std::size_t before = rows_.size();
    for (const DocumentRow& row : table.rows) take_row(table, row, unknown);
    if (rows_.size() == before) imported_.warnings.push_back(place(table.line) + ": a table without rows");
  }

  bool headings_are_right(const DocumentTable& table, const std::vector<std::string>& known,
                          const std::vector<std::string>& unknown) {
    const std::size_t before = problems_.size();
    const std::string where = place(table.line);
    for (const std::string& heading : unknown) {
      if (heading.empty()) {
        problems_.push_back({where, "a column has no heading; recognised: " + quoted(known), ""});
      } else if (!hints_.keep_unknown) {
        problems_.push_back({where, "unknown column \"" + heading + "\"; recognised: " + quoted(known),
                             heading_hint(heading) + "; --keep_unknown keeps it as it is"});
      }
    }
    std::map<std::string_view, std::string> figures;
    for (std::size_t i = 0; i < table.header.size(); ++i) {
      const std::string& heading = table.header[i];
      if (std::find(table.header.begin(), table.header.begin() + static_cast<std::ptrdiff_t>(i), heading) !=
          table.header.begin() + static_cast<std::ptrdiff_t>(i)) {
        problems_.push_back({where, "two columns are called \"" + heading + '"', ""});
        continue;
      }
      const PublishedHeading* entry = find_heading(heading);
      if (entry == nullptr || !is_figure(entry->name)) continue;
      if (entry->unit == kUnknownUnit)
        problems_.push_back({where, "the column \"" + heading + "\" doesn't say its unit",
                             fmt::format("write it into the heading: {0} (s), or {0} (ms)", heading)});
      const auto [first, is_new] = figures.emplace(entry->name, heading);
      if (!is_new)
        problems_.push_back(
            {where, "mixed units or a figure twice: \"" + first->second + "\" and \"" + heading + '"', ""});
    }
    return problems_.size() == before;
  }

  // The heading in the CSV; "system" would be ours.
  static std::string column_of(std::string heading) {
    const bool ours = heading == kUnread || heading == kNote ||
                      std::find(kOwnColumns.begin(), kOwnColumns.end(), heading) != kOwnColumns.end();
    if (ours) heading[0] = static_cast<char>(heading[0] - 'a' + 'A');
    return heading;
  }

  void add_columns(const DocumentTable& table, bool has_model) {
    std::vector<std::string> headings = table.header;
    if (!has_model) headings.insert(headings.begin(), "Model");
    for (const std::string& heading : headings)
      if (std::find(columns_.begin(), columns_.end(), column_of(heading)) == columns_.end())
        columns_.push_back(column_of(heading));
  }

  void take_row(DocumentTable& table, const DocumentRow& row, const std::vector<std::string>& unknown) {
    const auto filled = [](const std::string& cell) { return !cell.empty(); };
    const auto num_filled = std::count_if(row.cells.begin(), row.cells.end(), filled);
    if (num_filled == 0) return;
    if (num_filled == 1 && filled(row.cells.front())) {  // a heading among the rows
      std::erase_if(table.headings, [](const DocumentHeading& heading) { return heading.level > kLabelLevel; });
      table.headings.push_back({kLabelLevel + 1, row.cells.front()});
      return;
    }
    ImportedRow imported;
    const std::string above = model_above(table);
    if (!above.empty()) imported.printed["Model"] = above;
    std::map<std::string_view, std::string> said;  // of system, task and precision by a column
    std::vector<std::string> second;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::string_view name = name_of(table.header[i]);
      const std::string cell = first_value(name, table.header[i], row.cells[i], second);
      check_cell(row.line, table.header[i], cell);
      if ((name == "model" || name == "system" || name == "task" || name == "precision") && !is_unset(cell))
        said[name] = cell;
      imported.printed[column_of(table.header[i])] = cell;
    }
    set_own(imported, table, row, said);
    if (!unknown.empty()) imported.own[std::string(kUnread)] = join(unknown, "; ");
    if (!second.empty()) imported.own[std::string(kNote)] = "second value: " + join(second, "; ");
    if (!second.empty() && first_of_two_line_ == 0) first_of_two_line_ = row.line;
    rows_of_two_ += second.empty() ? 0 : 1;
    if (said["model"].empty() && above.empty()) gap("model", "--model", row.line);
    rows_.push_back(std::move(imported));
  }

  // What a heading above the table says, else the hint.
  std::string model_above(const DocumentTable& table) const {
    const std::string said = nearest_heading(table, [](const std::string& text) { return model_in(text); });
    return said.empty() ? hints_.model : said;
  }

  // Of a number or a precision the value before the parentheses; what they hold goes to `second`.
  static std::string first_value(std::string_view name, const std::string& heading, const std::string& cell,
                                 std::vector<std::string>& second) {
    const bool has_one = is_count(name) || is_figure(name) || name == "precision";
    const auto two = has_one ? two_values(cell) : std::nullopt;
    if (!two) return cell;
    second.push_back(heading + '=' + two->second);
    return two->first;
  }

  void check_cell(int line, const std::string& heading, const std::string& cell) {
    const PublishedHeading* known = find_heading(heading);
    if (known == nullptr || is_unset(cell)) return;
    const std::string where = place(line) + ": " + heading + "=" + cell;
    if (is_count(known->name) && !parse_int(cell)) problems_.push_back({where, "is no whole number", ""});
    if (!is_figure(known->name) || parse_double(cell)) return;
    const std::size_t end = cell.find_first_not_of("0123456789.,eE+- ");
    const bool own_unit = end != std::string::npos && end > 0 && parse_double(trim(cell.substr(0, end)));
    problems_.push_back({where,
                         own_unit ? "mixed units: the column is in " + std::string(known->unit) +
                                        ", the cell brings \"" + cell.substr(end) + '"'
                                  : "is no number (the column is in " + std::string(known->unit) + ")",
                         own_unit ? "the unit belongs into the heading, the same for every row" : ""});
  }

  // The headings from the nearest to the title, as far as `read` finds something.
  template <typename Read>
  static auto nearest_heading(const DocumentTable& table, Read read) -> decltype(read(std::string())) {
    for (auto heading = table.headings.rbegin(); heading != table.headings.rend(); ++heading)
      if (auto found = read(heading->text); found != decltype(found){}) return found;
    return {};
  }

  void set_own(ImportedRow& row, const DocumentTable& table, const DocumentRow& printed,
               std::map<std::string_view, std::string>& said) {
    const auto system = [&](const std::string& text) { return system_in(text, hints_.systems); };
    const auto or_else = [](const std::string& found, const std::string& other) {
      return found.empty() ? other : found;
    };
    const auto task = [&](const std::string& text) -> std::string {
      const auto found = task_in(text);
      return found ? std::string(name(*found)) : "";
    };
    const auto precision = [&](const std::string& text) -> std::string {
      const auto found = precision_in(text);
      return found ? std::string(name(*found)) : "";
    };
    auto& own = row.own;
    own["system"] = or_else(or_else(system(said["system"]), nearest_heading(table, system)), hints_.system);
    own["task"] = or_else(or_else(task(said["task"]), nearest_heading(table, task)),
                          hints_.task ? std::string(name(*hints_.task)) : "");
    own["precision"] = or_else(or_else(precision(said["precision"]), nearest_heading(table, precision)),
                               hints_.precision ? std::string(name(*hints_.precision)) : "");
    own["stack"] =
        or_else(nearest_heading(table, [](const std::string& text) { return stack_in(text); }), hints_.stack);
    own["section"] = section_of(table);
    own["source_line"] = std::to_string(printed.line);
    own["source"] = source_;
    own["units"] = units_of(table);
    own["flops_convention"] = hints_.flops_convention;
    const std::string number = std::to_string(rows_.size() + 1);
    own["row"] = id_ + "-" + std::string(number.size() < 2 ? 1 : 0, '0') + number;
    note_gaps(own, table, printed.line);
  }

  static std::string section_of(const DocumentTable& table) {
    std::vector<std::string> path;
    for (const DocumentHeading& heading : table.headings) {
      const std::string key = lower(heading.text.substr(0, heading.text.find(':')));
      const bool in_path = heading.level != kLabelLevel || key == "system" || key == "gpu" || key == "hardware";
      if (heading.level > 1 && in_path) path.push_back(heading.text);
    }
    return join(path, " > ");
  }

  void note_gaps(const std::map<std::string, std::string, std::less<>>& own, const DocumentTable& table, int line) {
    const std::pair<const char*, const char*> asked[] = {
        {"system", "--gpu"}, {"task", "--task"}, {"precision", "-c"}, {"stack", "--stack"}};
    for (const auto& [field, flag] : asked)
      if (own.at(field).empty()) gap(field, flag, line);
    const bool has_tflops = std::any_of(table.header.begin(), table.header.end(), [](const std::string& heading) {
      return name_of(heading) == "model_tflops_per_gpu";
    });
    if (has_tflops && own.at("flops_convention").empty()) gap("FLOP convention", "--convention", line);
  }

  struct Gap {
    std::string field, flag;
    int first_line = 0, rows = 0;
  };

  void gap(const std::string& field, const std::string& flag, int line) {
    const auto found = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return g.field == field; });
    Gap& entry = found != gaps_.end() ? *found : gaps_.emplace_back(Gap{field, flag, line, 0});
    ++entry.rows;
  }

  void warn_of_gaps() {
    if (rows_of_two_ > 0)
      imported_.warnings.push_back(
          place(first_of_two_line_) + ": " + std::to_string(rows_of_two_) + " of " + std::to_string(rows_.size()) +
          " rows have cells of two values; the first is taken, the column " + std::string(kNote) + " has the second");
    for (const Gap& entry : gaps_)
      imported_.warnings.push_back(place(entry.first_line) + ": " + std::to_string(entry.rows) + " of " +
                                   std::to_string(rows_.size()) + " rows have no " + entry.field + "; " + entry.flag +
                                   " says it");
  }

  std::string csv() const {
    std::vector<std::string> own = kOwnColumns;
    for (const std::string_view further : {kUnread, kNote}) {
      const bool has_it =
          std::any_of(rows_.begin(), rows_.end(), [&](const ImportedRow& row) { return row.own.contains(further); });
      if (has_it) own.emplace_back(further);
    }
    std::vector<std::string> header = own;
    header.insert(header.end(), columns_.begin(), columns_.end());
    std::string text = csv_line(header);
    const auto cell = [](const auto& cells, const std::string& column) {
      const auto found = cells.find(column);
      return found == cells.end() ? std::string() : found->second;
    };
    for (const ImportedRow& row : rows_) {
      std::vector<std::string> cells;
      cells.reserve(own.size() + columns_.size());
      for (const std::string& column : own) cells.push_back(cell(row.own, column));
      for (const std::string& column : columns_) cells.push_back(cell(row.printed, column));
      text += csv_line(cells);
    }
    return text;
  }

  std::string file_, id_, source_;
  const ImportHints& hints_;
  ImportedTable imported_;
  std::vector<std::string> columns_;
  std::vector<ImportedRow> rows_;
  std::vector<Gap> gaps_;
  int rows_of_two_ = 0, first_of_two_line_ = 0;
  std::vector<Problem> problems_;
};

void require_text(std::string_view text, const std::string& file) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw InputError(file + ":1", "the file is UTF-16; a table is plain UTF-8 text", "save it as UTF-8");
  const std::size_t bad = std::min(first_bad_utf8(text).value_or(text.size()), std::min(text.find('\0'), text.size()));
  if (bad == text.size()) return;
  const std::string_view before = text.substr(0, bad);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  throw InputError(file + ":" + std::to_string(line),
                   "byte " + std::to_string(bad - start + 1) +
                       " of the line is no UTF-8 text; what stands before it: \"" +
                       std::string(before.substr(start, 80)) + '"',
                   "save it as UTF-8");
}

Document csv_document(std::string_view text, const std::string& file) {
  const CsvTable csv = parse_csv(text, file);
  if (std::find(csv.header.begin(), csv.header.end(), "source_line") != csv.header.end())
    throw InputError(file + ":1", "is in the form that import writes already: it has a column source_line");
  DocumentTable table{.line = 1, .headings = {}, .header = csv.header};
  for (const CsvRow& row : csv.rows) table.rows.push_back({row.line, row.cells});
  return {.tables = {std::move(table)}, .warnings = {}};
}

// The first line that is not empty has cells that are known headings.
bool starts_as_csv(std::string_view text) {
  for (const std::string& line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    const std::vector<std::string> cells = split(line, ',');
    return std::count_if(cells.begin(), cells.end(), [](const std::string& cell) {
             return find_heading(cell) != nullptr;
           }) >= static_cast<std::ptrdiff_t>(kLeastColumns);
  }
  return false;
}

}  // namespace

ImportedTable import_table(std::string_view text, const std::string& file, const ImportHints& hints) {
  require_text(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const bool csv = lower(std::filesystem::path(file).extension().string()) == ".csv" || starts_as_csv(text);
  return Importer(file, hints).import(csv ? csv_document(text, file) : parse_document(text, file));
}

}  // namespace perfbench
