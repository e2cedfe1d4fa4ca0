#include "import/markdown.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace perfbench {
namespace {

// "[text](address)" becomes "text".
std::string without_links(std::string text) {
  for (std::size_t middle = text.find("]("); middle != std::string::npos; middle = text.find("](", middle)) {
    const std::size_t open = text.rfind('[', middle), close = text.find(')', middle);
    if (open == std::string::npos || close == std::string::npos) break;
    const std::string inner = text.substr(open + 1, middle - open - 1);
    text.replace(open, close + 1 - open, inner);
    middle = open + inner.size();
  }
  return text;
}

// "1544[^a]" and "1544<sup>1</sup>" become "1544".
std::string without_footnotes(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kMarks[] = {{"[^", "]"}, {"<sup>", "</sup>"}};
  for (const auto& [open, close] : kMarks) {
    for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
      const std::size_t end = text.find(close, at);
      if (end == std::string::npos) break;
      text.erase(at, end + close.size() - at);
    }
  }
  return text;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

std::size_t table_rule_columns(std::string_view line) {
  line = trim(line);
  if (line.find('|') == std::string_view::npos || line.find('-') == std::string_view::npos ||
      line.find_first_not_of("|-: \t") != std::string_view::npos)
    return 0;
  const std::vector<std::string> cells = split_cells(line);
  const bool dashes = std::all_of(cells.begin(), cells.end(), [](const std::string& cell) {
    return cell.find('-') != std::string::npos && cell.find_first_of(" \t") == std::string::npos;
  });
  return dashes ? cells.size() : 0;
}

std::vector<std::string> split_cells(std::string_view line) {
  line = trim(line);
  if (line.starts_with('|')) line.remove_prefix(1);
  if (line.ends_with('|') && !line.ends_with("\\|")) line.remove_suffix(1);
  std::vector<std::string> cells(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '|') {
      cells.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cells.back() += line[++i];
    } else {
      cells.back() += line[i];
    }
  }
  for (std::string& cell : cells) cell = plain_text(cell);
  return cells;
}

std::string plain_text(std::string_view text) {
  std::string plain = without_footnotes(without_links(std::string(trim(text))));
  for (const std::string_view line_break : {"<br>", "<br/>", "<br />"}) replace_all(plain, line_break, " ");
  replace_all(plain, "\xC2\xA0", " ");  // a space that does not break
  for (const std::string_view mark : {"***", "**", "__", "`", "*"}) {
    const bool around = plain.size() > 2 * mark.size() && plain.starts_with(mark) && plain.ends_with(mark);
    if (around) plain = plain.substr(mark.size(), plain.size() - 2 * mark.size());
  }
  return std::string(trim(plain));
}

}  // namespace perfbench
