#include "cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/redact.h"

namespace perfbench {

namespace {

bool put(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

}  // namespace

ExitCode print(std::string_view whole) {
  const std::string text = redacted(whole);
  const bool lines_lost = std::ferror(stdout) != 0;
  errno = 0;
  if (!put(text))
    throw RunError("standard output", fmt::format("{} bytes not written: {}", text.size(), std::strerror(errno)));
  if (lines_lost) throw RunError("standard output", "lines before the result were not written");
  return ExitCode::ok;
}

void print_on_the_way(std::string_view text) { put(redacted(text)); }

void say(std::string_view text) { std::fputs(redacted(text).c_str(), stderr); }

void warn(const std::vector<std::string>& warnings) {
  const std::size_t shown = num_shown(warnings.size());
  for (std::size_t i = 0; i < shown; ++i) say(fmt::format("perfbench: warning: {}\n", warnings[i]));
  if (shown < warnings.size()) say(fmt::format("perfbench: warning: and {} more\n", warnings.size() - shown));
}

}  // namespace perfbench
