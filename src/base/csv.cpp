#include "base/csv.h"

#include <csv.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::size_t kMaxLine = std::size_t{1} << 20U;  // bytes

// Each with its line break: LF, CRLF or a lone CR.
std::vector<std::string_view> physical_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t size = text.find_first_of("\r\n");
    if (size == std::string_view::npos) {
      size = text.size();
    } else {
      size += text.substr(size, 2) == "\r\n" ? 2 : 1;
    }
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

// A binary file has a problem in every line: beyond kMostProblems they are counted.
struct Problems {
  std::vector<std::pair<int, Problem>> found;  // line and problem, without the place
  std::size_t more = 0;

  bool empty() const { return found.empty(); }
  void add(int line, Problem problem) {
    if (found.size() < kMostProblems)
      found.emplace_back(line, std::move(problem));
    else
      ++more;
  }
};

// Why a line is not given to the parser at all.
std::optional<Problem> unreadable(std::string_view line) {
  if (line.size() > kMaxLine) {
    return Problem{
        .where = "",
        .what = "the line has " + std::to_string(line.size()) + " bytes, the limit is " + std::to_string(kMaxLine),
        .hint = "is this a table with comma-separated cells?"};
  }
  const std::size_t nul = line.find('\0');
  if (nul == std::string_view::npos) return std::nullopt;
  return Problem{.where = "",
                 .what = "byte " + std::to_string(nul + 1) + " of the line is NUL; a table is plain UTF-8 text",
                 .hint = ""};
}

// Splits text into records and keeps the line of each. A broken record is noted and left out; reading goes on behind
// it.
class RecordReader {
 public:
  explicit RecordReader(std::string_view text) : lines_(physical_lines(text)) { start_parser(); }
  ~RecordReader() { csv_free(&parser_); }
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  void read() {
    std::size_t next = 0;
    while (next < lines_.size()) {
      next = read_line(next);
      if (next == lines_.size()) next = finish();
    }
  }

  std::vector<CsvRow> records;
  Problems problems;

 private:
  void start_parser() {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    cells_.clear();
    row_open_ = false;
  }

  // Notes a problem and forgets the open row.
  void give_up(int line, Problem problem) {
    problems.add(line, std::move(problem));
    csv_free(&parser_);
    start_parser();
  }

  // Returns the index of the line to read next: behind the line on which a broken cell starts.
  std::size_t read_line(std::size_t index) {
    const std::string_view line = lines_[index];
    line_ = static_cast<int>(index) + 1;
    if (!row_open_) row_line_ = cell_line_ = line_;
    if (auto problem = unreadable(line)) {
      give_up(line_, std::move(*problem));
      return index + 1;
    }
    row_open_ = row_open_ || !trim(line).empty();
    const std::size_t used = csv_parse(&parser_, line.data(), line.size(), on_cell, on_row, this);
    if (used == line.size()) return index + 1;
    if (csv_error(&parser_) != CSV_EPARSE) throw std::bad_alloc();
    const int cell_line = cell_line_;
    std::string what = "quotes must enclose a whole cell; see character " + std::to_string(used + 1);
    if (cell_line != line_) what = "the quoted cell that starts here goes wrong in line " + std::to_string(line_);
    give_up(cell_line, {.where = "",
                        .what = std::move(what),
                        .hint = "inside a quoted cell, a quote is written twice: \"5\"\" disk\""});
    return static_cast<std::size_t>(cell_line);
  }

  // The last row may lack its line break. Returns the index of the line to read next.
  std::size_t finish() {
    if (!row_open_) return lines_.size();
    if (csv_fini(&parser_, on_cell, on_row, this) == 0) return lines_.size();
    if (csv_error(&parser_) != CSV_EPARSE) throw std::bad_alloc();
    const int cell_line = cell_line_;
    give_up(cell_line, {.where = "", .what = "a quote opens here and is never closed", .hint = ""});
    return static_cast<std::size_t>(cell_line);
  }

  static void on_cell(void* bytes, std::size_t size, void* self) {
    auto& reader = *static_cast<RecordReader*>(self);
    reader.cells_.emplace_back(static_cast<const char*>(bytes), size);
    reader.cell_line_ = reader.line_;  // the next cell starts where this one ends
  }

  static void on_row(int, void* self) {
    auto& reader = *static_cast<RecordReader*>(self);
    reader.records.push_back({.line = reader.row_line_, .cells = std::exchange(reader.cells_, {})});
    reader.row_open_ = false;
  }

  std::vector<std::string_view> lines_;
  csv_parser parser_{};
  std::vector<std::string> cells_;  // of the open row
  bool row_open_ = false;
  int line_ = 0, row_line_ = 0, cell_line_ = 0;  // where the parser is, where its row started, where its cell started
};

bool is_blank(const std::string& cell) { return trim(cell).empty(); }

// Trims the names and drops empty ones at the end (trailing commas).
std::vector<std::string> read_header(const CsvRow& row, Problems& problems) {
  std::vector<std::string> names;
  for (const std::string& cell : row.cells) names.emplace_back(trim(cell));
  while (!names.empty() && names.back().empty()) names.pop_back();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    const auto first = std::find(names.begin(), names.end(), names[i]);
    if (names[i].empty()) {
      problems.add(row.line, Problem{.where = "", .what = "column " + number + " has no name", .hint = ""});
    } else if (first - names.begin() < static_cast<std::ptrdiff_t>(i)) {
      problems.add(row.line, Problem{.where = names[i],
                                     .what = "columns " + std::to_string(first - names.begin() + 1) + " and " + number +
                                             " have the same name",
                                     .hint = "take one of them out"});
    }
  }
  return names;
}

// Brings a row to the width of the header; empty cells beyond it are dropped.
void fit_row(CsvRow& row, std::size_t num_columns, Problems& problems) {
  const std::size_t num_cells = row.cells.size();
  if (num_cells > num_columns) {
    const auto surplus = row.cells.begin() + static_cast<std::ptrdiff_t>(num_columns);
    if (!std::all_of(surplus, row.cells.end(), is_blank)) {
      problems.add(row.line, Problem{.where = "",
                                     .what = "the row has " + std::to_string(num_cells) + " cells, the header has " +
                                             std::to_string(num_columns),
                                     .hint = "a cell with a comma in it needs quotes: \"1,024\""});
    }
  }
  row.cells.resize(num_columns);
}

std::string_view without_mark(std::string_view text, const std::string& file) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw InputError(file + ":1", "the file is UTF-16; a table is plain UTF-8 text", "save it as UTF-8");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

[[noreturn]] void refuse(const std::string& file, Problems problems) {
  std::stable_sort(problems.found.begin(), problems.found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Problem> placed;
  for (auto& [line, problem] : problems.found) {
    std::string where = file + ":" + std::to_string(line);
    if (!problem.where.empty()) where.append(": ").append(problem.where);
    problem.where = std::move(where);
    placed.push_back(std::move(problem));
  }
  if (problems.more > 0)
    placed.push_back({.where = file, .what = "and " + std::to_string(problems.more) + " more problems", .hint = ""});
  throw InputError(std::move(placed));
}

}  // namespace

CsvTable parse_csv(std::string_view text, std::string file) {
  RecordReader reader(without_mark(text, file));
  reader.read();
  std::erase_if(reader.records,
                [](const CsvRow& row) { return std::all_of(row.cells.begin(), row.cells.end(), is_blank); });
  Problems& problems = reader.problems;
  const bool has_header = !reader.records.empty();
  if (!has_header && problems.empty()) {
    problems.add(1, Problem{.where = "",
                            .what = "the table is empty",
                            .hint = "its first line must hold the column names, separated by commas"});
  }
  CsvTable table{.file = std::move(file), .header = {}, .rows = {}};
  // Behind a broken line the first sound one need not be the header, and nothing can be said about the rows.
  if (has_header && (problems.empty() || problems.found.front().first > reader.records.front().line)) {
    table.header = read_header(reader.records.front(), problems);
    table.rows.assign(std::make_move_iterator(reader.records.begin() + 1),
                      std::make_move_iterator(reader.records.end()));
    for (CsvRow& row : table.rows) fit_row(row, table.header.size(), problems);
  }
  if (!problems.empty()) refuse(table.file, std::move(problems));
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) { return parse_csv(read_file(path), path.string()); }

std::string csv_line(const std::vector<std::string>& cells) {
  std::string out;
  for (const std::string& cell : cells) {
    if (!out.empty() || &cell != cells.data()) out += ',';
    const bool needs_quotes = cell.find_first_of(",\"\r\n") != std::string::npos || trim(cell).size() != cell.size();
    if (!needs_quotes) {
      out += cell;
      continue;
    }
    out += '"';
    for (const char c : cell) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  return out + "\n";
}

}  // namespace perfbench
