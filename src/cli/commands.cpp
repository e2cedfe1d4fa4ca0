#include "cli/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <new>
#include <string>

#include "cli/help.h"
#include "cli/output.h"
#include "cli/version.h"

namespace perfbench {

ExitCode run(const CommandLine& line) {
  if (line.options.help) return print(help_text());
  if (line.options.version) return print(version_text());
  switch (line.command) {
    case Command::row:
      return run_row(line);
    case Command::check:
      return run_check(line);
    case Command::export_table:
      return run_export(line);
    case Command::audit:
      return run_audit(line);
    case Command::import_file:
      return run_import(line);
    case Command::verify:
      return run_verify(line);
    case Command::show_program:
      return run_show_program(line);
    case Command::doctor:
      return run_doctor(line);
    case Command::list:
      return run_list(line);
    case Command::completion:
      return run_completion(line);
    case Command::sweep:
      return run_sweep(line);
    case Command::diff:
      return run_diff(line);
    case Command::baseline_update:
      return run_baseline_update(line);
    case Command::baseline_check:
      return run_baseline_check(line);
    case Command::calibrate:
      return run_calibrate(line);
    case Command::accuracy:
      return run_accuracy(line);
  }
  return ExitCode::bad_input;
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
