#include "base/error.h"

#include <stdexcept>
#include <string_view>

#include "base/redact.h"

namespace perfbench {
namespace {

constexpr std::size_t kMaxPart = 4000;  // bytes of one part of a message: a cell of a broken file may be huge

bool is_utf8_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Control characters become visible, so that a file can neither forge a line of output nor drive the terminal. Secrets
// go before the text is cut: half of one would not be known for what it is.
std::string printable(std::string_view text, std::string_view line_break) {
  const std::string part = redacted(text);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::size_t size = part.size();
  if (size > kMaxPart) {
    size = kMaxPart;
    while (size > 0 && is_utf8_continuation(part[size])) --size;
  }
  std::string out;
  for (const char c : std::string_view(part).substr(0, size)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += line_break;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  if (size < part.size()) out += "...";
  return out;
}

}  // namespace

std::string format_problems(const std::vector<Problem>& problems) {
  std::string out;
  const std::size_t shown = num_shown(problems.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const Problem& problem = problems[i];
    out += "perfbench: error: ";
    if (!problem.where.empty()) out += printable(problem.where, "\\n") + ": ";
    out += printable(problem.what, "\\n") + "\n";
    if (!problem.hint.empty()) out += "  hint: " + printable(problem.hint, "\n        ") + "\n";
  }
  if (shown < problems.size())
    out += "perfbench: error: and " + std::to_string(problems.size() - shown) + " more problems\n";
  return out;
}

Error::Error(ExitCode code, std::vector<Problem> problems)
    : code_(code), problems_(std::move(problems)), text_(format_problems(problems_)) {}

InputError::InputError(std::string where, std::string what, std::string hint)
    : Error(ExitCode::bad_input, {{std::move(where), std::move(what), std::move(hint)}}) {}

RunError::RunError(std::string where, std::string what, std::string hint)
    : Error(ExitCode::run_failed, {{std::move(where), std::move(what), std::move(hint)}}) {}

TimeoutError::TimeoutError(std::string where, std::string what, std::string hint)
    : RunError(ExitCode::timeout, {{std::move(where), std::move(what), std::move(hint)}}) {}

EnvironmentError::EnvironmentError(std::string where, std::string what, std::string hint)
    : Error(ExitCode::environment, {{std::move(where), std::move(what), std::move(hint)}}) {}

void check(bool condition, const char* message) {
  if (!condition) throw std::logic_error(message);
}

}  // namespace perfbench
