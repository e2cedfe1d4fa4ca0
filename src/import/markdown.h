// Lines of Markdown: cells between pipes, and text without its marks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

// Columns of the line of dashes below a table's header ("|---|:-:|", "---|---|"); 0 for any other line.
std::size_t table_rule_columns(std::string_view line);

// What stands between the pipes, each as plain_text(); a pipe at either end parts nothing, "\|" is no pipe.
std::vector<std::string> split_cells(std::string_view line);

// Trimmed, without emphasis and code marks around it and without marks of footnotes; links and line breaks inside
// become their text.
std::string plain_text(std::string_view text);

}  // namespace perfbench
