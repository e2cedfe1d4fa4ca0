// Text tables for people: Markdown, and aligned columns for a terminal.
#pragma once

#include <string>
#include <vector>

namespace perfbench {

struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // as many cells as the header
  std::vector<bool> right_aligned;             // per column; empty: all left
};

std::string to_markdown(const TextTable& table);  // "| a | b |" lines, pipes escaped
std::string to_terminal(const TextTable& table);  // columns padded with spaces, a rule under the header

}  // namespace perfbench
