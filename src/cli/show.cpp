// perfbench show program: the operations behind a row.
#include "cli/asked.h"
#include "cli/commands.h"
#include "cli/idle_flags.h"
#include "cli/output.h"
#include "cli/show_program.h"

namespace perfbench {

ExitCode run_show_program(const CommandLine& line) {
  const Asked asked = resolve_asked(line, Catalog::find());
  const std::string text = show_program(asked.job);
  warn(asked.warnings);
  if (const std::string idle = idle_flags_note(line, "a Program"); !idle.empty()) warn({idle});
  return print(text);
}

}  // namespace perfbench
