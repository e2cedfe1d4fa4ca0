// What others see of this process while it runs: `ps` and /proc/<pid>/cmdline read the memory of its argv.
#pragma once

#include <string>
#include <vector>

namespace perfbench {

// Overwrites secrets in `argv`, which holds `args`, with "*" in place. Between the start of the process and this call
// they can be seen: a file or a variable is a better place for them.
void hide_secrets(const std::vector<std::string>& args, char* const* argv);

}  // namespace perfbench
