#include <exception>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/flags_parse.h"

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
    return static_cast<int>(perfbench::run(perfbench::parse_command_line(args)));
  } catch (const std::exception& error) {
    return static_cast<int>(perfbench::report(error));
  }
}
