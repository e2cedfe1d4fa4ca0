#include "cli/import_hints.h"

#include "cli/asked.h"
#include "job/resolve.h"

namespace perfbench {

ImportHints import_hints(const CommandLine& line, const Catalog& catalog) {
  const Request& request = line.request;
  return {.systems = catalog.system_names(),
          .id = line.options.id.value_or(""),
          .model = request.model.value_or(""),
          .system = request.system ? catalog.system(*request.system, "--gpu").name : "",
          .stack = request.stack ? catalog.stack(*request.stack, "--stack").name : "",
          .flops_convention = line.options.convention.value_or(""),
          .task = request.task,
          .precision = asked_precision(request),
          .keep_unknown = line.options.keep_unknown};
}

}  // namespace perfbench
