#include "harness/record.h"

#include <unistd.h>

#include <array>
#include <string>

#include "harness/commit.h"
#include "harness/digest.h"
#include "job/recorded_vars.h"

namespace perfbench {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

RunRecord new_record(std::span<const std::pair<std::string, std::string>> given, const EnvVars& env_vars,
                     const Catalog& catalog) {
  RunRecord record{.host = host_name(),
                   .date = utc_now(),
                   .versions = {{"perfbench", PERFBENCH_VERSION}},
                   .commit = std::string(commit()),
                   .data_files = folder_digest(catalog.folder()),
                   .command = {"perfbench"},
                   .env_vars = env_vars,
                   .environment = recorded_environment()};
  for (const auto& [spelling, value] : given) {
    if (!spelling.empty()) record.command.push_back(spelling);
    if (spelling.empty() || !value.empty()) record.command.push_back(value);
  }
  return record;
}

}  // namespace perfbench
