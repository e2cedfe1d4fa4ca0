#include "base/table.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace perfbench {
namespace {

using Cells = std::vector<std::string>;

void check_shape(const TextTable& table) {
  check(table.right_aligned.empty() || table.right_aligned.size() == table.header.size(),
        "TextTable: right_aligned must be empty or have an entry per column");
  for (const Cells& row : table.rows) {
    check(row.size() == table.header.size(), "TextTable: a row must have as many cells as the header");
  }
}

bool is_right(const TextTable& table, std::size_t column) {
  return !table.right_aligned.empty() && table.right_aligned[column];
}

// A cell takes one line: control characters become spaces.
std::string one_line(std::string_view cell) {
  std::string out(cell);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return out;
}

std::string markdown_line(const Cells& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) {
    out += ' ';
    for (const char c : one_line(cell)) {
      if (c == '|') out += '\\';
      out += c;
    }
    out += " |";
  }
  return out + "\n";
}

// Characters, not bytes: each code point is taken to be one column wide.
std::size_t width(std::string_view cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string terminal_line(const TextTable& table, const Cells& cells, const std::vector<std::size_t>& widths) {
  std::string out;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    if (column > 0) out += "  ";
    const std::string cell = one_line(cells[column]);
    const std::string padding(widths[column] - width(cell), ' ');
    out += is_right(table, column) ? padding + cell : cell + padding;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

}  // namespace

std::string to_markdown(const TextTable& table) {
  check_shape(table);
  std::string out = markdown_line(table.header) + "|";
  for (std::size_t column = 0; column < table.header.size(); ++column) {
    out += is_right(table, column) ? " ---: |" : " --- |";
  }
  out += "\n";
  for (const Cells& row : table.rows) out += markdown_line(row);
  return out;
}

std::string to_terminal(const TextTable& table) {
  check_shape(table);
  std::vector<std::size_t> widths;
  for (const std::string& name : table.header) widths.push_back(width(name));
  for (const Cells& row : table.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], width(row[column]));
    }
  }
  Cells rule;
  for (const std::size_t columns : widths) rule.emplace_back(columns, '-');
  std::string out = terminal_line(table, table.header, widths) + terminal_line(table, rule, widths);
  for (const Cells& row : table.rows) out += terminal_line(table, row, widths);
  return out;
}

}  // namespace perfbench
