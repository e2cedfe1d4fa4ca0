#include "rows/row_writer.h"

#include <string>
#include <string_view>

#include "rows/writers.h"

namespace perfbench {
namespace {

// What stands around the rows of rows_json(), and between them.
constexpr std::string_view kJsonStart = "[\n", kJsonBetween = ",\n", kJsonEnd = "\n]\n";

std::string json_of(const Row& row) {
  const std::string text = rows_json({&row, 1});
  return text.substr(kJsonStart.size(), text.size() - kJsonStart.size() - kJsonEnd.size());
}

// The text of one row after the header, which takes `lines`.
std::string without_header(std::string text, int lines) {
  for (; lines > 0; --lines) text.erase(0, text.find('\n') + 1);
  return text;
}

const char* file_name(RowFile form) {
  switch (form) {
    case RowFile::csv:
      return "rows.csv";
    case RowFile::json:
      return "rows.json";
    case RowFile::markdown:
      return "rows.md";
  }
  return "";
}

// What stands before the first row.
std::string start_of(RowFile form) {
  switch (form) {
    case RowFile::csv:
      return rows_csv({});
    case RowFile::json:
      return "";  // an array without rows is written otherwise
    case RowFile::markdown:
      return rows_markdown({});
  }
  return "";
}

std::string text_of(const Row& row, RowFile form, bool first) {
  switch (form) {
    case RowFile::csv:
      return without_header(rows_csv({&row, 1}), 1);
    case RowFile::json:
      return std::string(first ? kJsonStart : kJsonBetween) + json_of(row);
    case RowFile::markdown:
      return without_header(rows_markdown({&row, 1}), 2);
  }
  return "";
}

}  // namespace

RowWriter::RowWriter(FileSet& files, std::initializer_list<RowFile> forms) {
  for (const RowFile form : forms) {
    entries_.push_back({form, &files.add(file_name(form))});
    entries_.back().file->add(start_of(form));
  }
}

void RowWriter::add(const Row& row) {
  for (const auto& [form, file] : entries_) file->add(text_of(row, form, empty_));
  empty_ = false;
}

void RowWriter::finish() {
  for (const auto& [form, file] : entries_)
    if (form == RowFile::json) file->add(empty_ ? rows_json({}) : std::string(kJsonEnd));
}

}  // namespace perfbench
