#include "cli/record.h"

#include <unistd.h>

#include <array>
#include <string>

#include "cli/commit.h"
#include "harness/digest.h"
#include "job/recorded_vars.h"

namespace perfbench {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

RunRecord record_of(const CommandLine& line, const EnvVars& env_vars, const Catalog& catalog) {
  RunRecord record{.host = host_name(),
                   .date = utc_now(),
                   .versions = {{"perfbench", PERFBENCH_VERSION}},
                   .commit = std::string(commit()),
                   .data_files = folder_digest(catalog.folder()),
                   .command = {"perfbench"},
                   .env_vars = env_vars,
                   .environment = recorded_environment()};
  for (const auto& [spelling, value] : line.given) {
    if (!spelling.empty()) record.command.push_back(spelling);
    if (spelling.empty() || !value.empty()) record.command.push_back(value);
  }
  return record;
}

}  // namespace perfbench
