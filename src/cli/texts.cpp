#include "cli/texts.h"

#include "base/error.h"

namespace perfbench {

std::string with_lines(std::string_view text, std::string_view mark, std::string_view lines) {
  const std::string line = "\n" + std::string(mark) + "\n";
  const std::size_t at = text.find(line);
  check(at != std::string_view::npos, "with_lines: the text has no such mark");
  return std::string(text.substr(0, at + 1)) + std::string(lines) + std::string(text.substr(at + line.size()));
}

}  // namespace perfbench
