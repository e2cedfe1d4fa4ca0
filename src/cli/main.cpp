#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "cli/commands.h"
#include "cli/flags_parse.h"

int main(int argc, char** argv) {
  perfbench::hold_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // a file over the size limit is an error of write(), as a full disk is
  try {
    const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
    return static_cast<int>(perfbench::run(perfbench::parse_command_line(args)));
  } catch (const std::exception& error) {
    return static_cast<int>(perfbench::report(error));
  }
}
