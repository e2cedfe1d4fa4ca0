#include "cli/record.h"

#include <unistd.h>

#include <array>
#include <ctime>
#include <string>

#include "cli/commit.h"
#include "harness/digest.h"
#include "spec/recorded_vars.h"

namespace perfbench {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

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
