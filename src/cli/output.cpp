#include "cli/output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace perfbench {

ExitCode print(std::string_view text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written)
    throw RunError("standard output", fmt::format("{} bytes not written: {}", text.size(), std::strerror(errno)));
  return ExitCode::ok;
}

void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) fmt::print(stderr, "perfbench: warning: {}\n", warning);
}

}  // namespace perfbench
