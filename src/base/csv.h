// Comma-separated tables, read with libcsv.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

struct CsvRow {
  int line = 0;                    // 1-based line of the file on which the row starts
  std::vector<std::string> cells;  // unquoted; cells without quotes are trimmed; as many as the header
};

struct CsvTable {
  std::string file;                 // as given, for messages
  std::vector<std::string> header;  // trimmed
  std::vector<CsvRow> rows;         // blank lines and rows of empty cells left out
};

// Reads a table with one header line. Accepts a byte-order mark, CRLF, quoted cells (also with line breaks), blank
// lines, rows shorter than the header (missing trailing cells become "") and trailing commas. Throws InputError with
// every problem of the file at once (the first hundred and how many more), each with file and line: a row with more
// cells than the header, an unclosed or stray quote, a NUL byte, a line over 1 MiB, a repeated or nameless column, no
// header.
CsvTable parse_csv(std::string_view text, std::string file);
CsvTable read_csv(const std::filesystem::path& path);

// One record with a line feed; cells are quoted only where they must be.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace perfbench
