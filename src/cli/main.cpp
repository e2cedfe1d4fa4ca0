#include <unistd.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "cli/commands.h"
#include "cli/flags_parse.h"
#include "cli/process_title.h"
#include "engine/worker.h"

namespace {

perfbench::ExitCode exit_code_of(int argc, char** argv) {
  try {
    char** const first = argv + (argc > 0 ? 1 : 0);
    const std::vector<std::string> args(first, argv + argc);
    perfbench::hide_secrets(args, first);
    return perfbench::run(perfbench::parse_command_line(args));
  } catch (const std::exception& error) {
    return perfbench::report(error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  perfbench::hold_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // a file over the size limit is an error of write(), as a full disk is
  const int code = static_cast<int>(exit_code_of(argc, argv));
  if (perfbench::num_threads_left_behind() > 0) _exit(code);  // results are written: nobody waits for what hangs
  return code;
}
