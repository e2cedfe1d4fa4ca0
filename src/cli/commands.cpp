#include "cli/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <new>
#include <string>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "cli/version.h"

namespace perfbench {

ExitCode run(const CommandLine& line) {
  if (line.options.help) return print(help_text());
  if (line.options.version) return print(version_text());
  return subcommand_of(line.command).run(line);
}

ExitCode report(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {  // what follows would allocate
    std::fputs("perfbench: error: this process got no more memory\n  hint: ask for less, or raise ulimit -v\n", stderr);
    return ExitCode::run_failed;
  }
  std::string text;
  ExitCode code = ExitCode::run_failed;
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    text = known->what();
    code = known->code();
  } else if (const auto* unsupported = dynamic_cast<const Unsupported*>(&error)) {
    text = format_problems({{unsupported->feature(), fmt::format("unsupported: {}", unsupported->what()), ""}});
  } else if (const auto* refused = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    text = format_problems({{refused->path1().string(), refused->code().message(), ""}});
    code = ExitCode::bad_input;
  } else {
    text =
        format_problems({{"", fmt::format("internal error: {}", error.what()), "this is a fault of perfbench itself"}});
  }
  say(text);
  return code;
}

}  // namespace perfbench
