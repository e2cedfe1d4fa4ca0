#include "import/document.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "import/markdown.h"

namespace perfbench {
namespace {

// Lines "<label>: <text>" that say of the tables below what a heading could.
constexpr std::array<std::string_view, 9> kLabels{"system",    "gpu",  "hardware",  "precision", "model",
                                                  "data type", "task", "container", "framework"};
constexpr std::size_t kMaxLabelled = 80;  // bytes; longer lines are prose

std::string label_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > kMaxLabelled || line.find('|') != std::string_view::npos)
    return "";
  const std::string word = lower(trim(line.substr(0, colon)));
  return std::find(kLabels.begin(), kLabels.end(), word) != kLabels.end() ? word : "";
}

// "- System: DGX-H100" labels as the text behind the bullet does.
std::string_view without_bullet(std::string_view line) {
  return line.starts_with("- ") || line.starts_with("* ") ? trim(line.substr(2)) : line;
}

class DocumentReader {
 public:
  DocumentReader(std::string_view text, std::string file) : file_(std::move(file)) {
    for (const std::string& line : split(text, '\n')) lines_.emplace_back(trim(line));
  }

  Document read() {
    for (std::size_t i = 0; i < lines_.size();) i = read_line(i);
    if (!problems_.empty()) throw InputError(std::move(problems_));
    return std::move(document_);
  }

 private:
  // Returns the index of the line to read next.
  std::size_t read_line(std::size_t i) {
    const std::string& line = lines_[i];
    if (line.starts_with("```") || line.starts_with("~~~")) return behind_fence(i);
    if (table_rule_columns(line) > 0 && i > 0) {
      const std::size_t columns = table_rule_columns(line);
      if (split_cells(lines_[i - 1]).size() == columns && !is_cell_line(lines_[i - 1])) return read_pipes(i, columns);
      return read_cell_lines(i, columns);
    }
    read_heading(i);
    return i + 1;
  }

  std::size_t behind_fence(std::size_t i) const {
    const std::string mark = lines_[i].substr(0, 3);
    for (std::size_t end = i + 1; end < lines_.size(); ++end)
      if (lines_[end].starts_with(mark)) return end + 1;
    return i + 1;  // never closed: the rest is text
  }

  void read_heading(std::size_t i) {
    const std::string& line = lines_[i];
    const std::size_t hashes = std::min(line.find_first_not_of('#'), line.size());
    if (hashes > 0 && hashes <= 6 && hashes < line.size() && line[hashes] == ' ') {
      set_heading(static_cast<int>(hashes), line.substr(hashes));
    } else if (line.size() > 1 && hashes == 0 && line.ends_with('#') && line.find('|') == std::string::npos) {
      set_heading(2, line.substr(0, line.size() - 1));  // a page's link to itself; its level is lost
    } else if (line.starts_with(":::") || line.starts_with("=== \"")) {
      read_tab(line);
    } else if (i > 0 && is_underline(line) && !lines_[i - 1].empty() && lines_[i - 1].find('|') == std::string::npos) {
      set_heading(line[0] == '=' ? 1 : 2, lines_[i - 1]);
    } else if (const std::string plain = plain_text(without_bullet(line)); !label_of(plain).empty()) {
      set_label(plain);
    } else if (line.size() > 4 && line.starts_with("**") && line.ends_with("**") && !line.ends_with(":**")) {
      set_heading(kTabLevel, line);
    }
  }

  static bool is_underline(const std::string& line) {
    return line.size() >= 3 && (line[0] == '=' || line[0] == '-') &&
           line.find_first_not_of(line[0]) == std::string::npos;
  }

  // "::: {tab-item} DGX-H100" opens, ":::" closes; "=== \"DGX-H100\"" opens and ends with the next.
  void read_tab(const std::string& line) {
    const std::size_t name = line.find_first_of(line[0] == ':' ? "}" : "\"");
    drop_from(kTabLevel);
    if (name == std::string::npos) return;
    std::string text(trim(std::string_view(line).substr(name + 1)));
    std::erase(text, '"');
    if (!text.empty()) set_heading(kTabLevel, text);
  }

  void drop_from(int level) {
    std::erase_if(headings_, [&](const DocumentHeading& heading) { return heading.level >= level; });
  }

  void set_heading(int level, std::string_view text) {
    drop_from(level);
    headings_.push_back({level, plain_text(text)});
  }

  void set_label(const std::string& text) {
    const std::string label = label_of(text);
    std::erase_if(headings_, [&](const DocumentHeading& heading) {
      return heading.level == kLabelLevel && label_of(heading.text) == label;
    });
    headings_.push_back({kLabelLevel, text});
  }

  DocumentTable& new_table(std::size_t i, std::vector<std::string> header) {
    document_.tables.push_back({.line = static_cast<int>(i) + 1, .headings = headings_, .header = std::move(header)});
    return document_.tables.back();
  }

  // Pipes; `rule` is the line of dashes.
  std::size_t read_pipes(std::size_t rule, std::size_t columns) {
    DocumentTable& table = new_table(rule - 1, split_cells(lines_[rule - 1]));
    std::size_t i = rule + 1;
    for (; i < lines_.size() && lines_[i].find('|') != std::string::npos; ++i) {
      std::vector<std::string> cells = split_cells(lines_[i]);
      if (cells.size() > columns) {
        problem(i, "the row has " + std::to_string(cells.size()) + " cells, its table " + std::to_string(columns) +
                       " columns");
        continue;
      }
      if (cells.size() < columns) {
        document_.warnings.push_back(place(i) + ": the row has " + std::to_string(cells.size()) + " cells, its table " +
                                     std::to_string(columns) + " columns; the last ones are empty");
        cells.resize(columns);
      }
      table.rows.push_back({static_cast<int>(i) + 1, std::move(cells)});
    }
    return i;
  }

  static bool is_cell_line(const std::string& line) { return line.find('|') + 1 == line.size() && !line.empty(); }
  static std::string cell_of(const std::string& line) { return plain_text(line.substr(0, line.size() - 1)); }

  // One cell per line, each with a pipe behind it; `rule` is the line of dashes.
  std::size_t read_cell_lines(std::size_t rule, std::size_t columns) {
    std::size_t first = rule;
    while (first > 0 && is_cell_line(lines_[first - 1])) --first;
    if (rule - first != columns) {
      problem(rule, "the rule has " + std::to_string(columns) + " columns, the header above it " +
                        std::to_string(first == rule ? split_cells(lines_[rule - 1]).size() : rule - first));
      return rule + 1;
    }
    std::vector<std::string> header;
    for (std::size_t i = first; i < rule; ++i) header.push_back(cell_of(lines_[i]));
    DocumentTable& table = new_table(first, std::move(header));
    std::size_t i = rule + 1;
    while (i < lines_.size() && is_cell_line(lines_[i])) {
      DocumentRow row{.line = static_cast<int>(i) + 1, .cells = {}};
      while (row.cells.size() < columns && i < lines_.size() && is_cell_line(lines_[i]))
        row.cells.push_back(cell_of(lines_[i++]));
      if (row.cells.size() < columns) {
        problem(static_cast<std::size_t>(row.line) - 1, "the table ends within a row, behind cell " +
                                                            std::to_string(row.cells.size()) + " of " +
                                                            std::to_string(columns));
        break;
      }
      table.rows.push_back(std::move(row));
    }
    return i;
  }

  std::string place(std::size_t i) const { return file_ + ":" + std::to_string(i + 1); }
  void problem(std::size_t i, std::string what) { problems_.push_back({place(i), std::move(what), ""}); }

  std::string file_;
  std::vector<std::string> lines_;
  std::vector<DocumentHeading> headings_;
  Document document_;
  std::vector<Problem> problems_;
};

}  // namespace

Document parse_document(std::string_view text, const std::string& file) { return DocumentReader(text, file).read(); }

}  // namespace perfbench
