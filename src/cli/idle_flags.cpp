#include "cli/idle_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/flags.h"
#include "cli/measure_flags.h"

namespace perfbench {
namespace {

// No Program, no cost and no engine knows them; which row of a table is the base may depend on them.
constexpr std::string_view kOfRowsAlone[] = {"use_user_buffer_registration", "use_sharp",
                                             "keep_fsdp_fp8_transpose_cache"};

bool is_idle(const Flag& flag, const CommandLine& line) {
  if (flag.name == "max_steps") return !runs_engine(mode_of(line));
  if (flag.name == "gpus_per_node") return runs_engine(mode_of(line));  // a prediction has a note of its own
  if (flag.name == "cuda_graphs" || flag.name == "cuda_graph_modules" || flag.name == "ep_overlap")
    return mode_of(line) == Mode::measure || line.command == Command::show_program;
  return flag.group == FlagGroup::cluster ||
         std::find(std::begin(kOfRowsAlone), std::end(kOfRowsAlone), flag.name) != std::end(kOfRowsAlone);
}

}  // namespace

std::string idle_flags_note(const CommandLine& line, std::string_view what) {
  std::vector<std::string> idle;
  for (const auto& [spelling, value] : line.given) {
    const Flag* flag = find_flag(spelling);
    if (flag == nullptr || !is_idle(*flag, line)) continue;
    if (std::find(idle.begin(), idle.end(), spelling) == idle.end()) idle.push_back(spelling);
  }
  return idle.empty() ? "" : fmt::format("without effect on {}: {}", what, join(idle, ", "));
}

}  // namespace perfbench
