// The tables of a text document, with what stands above each: Markdown pipes, or one cell per line as a page copied
// from a browser has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace perfbench {

struct DocumentHeading {
  int level = 0;     // 1 is the title; kTabLevel and above: tabs and labelled lines
  std::string text;  // without its marks: "System: DGX-H100"
};

inline constexpr int kTabLevel = 7;    // "::: {tab-item} DGX-H100", or a line in bold
inline constexpr int kLabelLevel = 8;  // "System: DGX-H100" on a line of its own

struct DocumentRow {
  int line = 0;                    // on which it starts, from 1
  std::vector<std::string> cells;  // as many as the header; trimmed, without Markdown's emphasis and links
};

struct DocumentTable {
  int line = 0;                             // of its header
  std::vector<DocumentHeading> headings{};  // outermost first
  std::vector<std::string> header{};
  std::vector<DocumentRow> rows{};
};

struct Document {
  std::vector<DocumentTable> tables{};
  std::vector<std::string> warnings{};  // "FILE:LINE: ...": rows with fewer cells than their header
};

// Fenced code is left out. Throws InputError with every problem: a row with more cells than the header, a table that
// ends within a row, bytes that are no UTF-8.
Document parse_document(std::string_view text, const std::string& file);

}  // namespace perfbench
