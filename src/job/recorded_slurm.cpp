#include "job/recorded_slurm.h"

#include <algorithm>
#include <vector>

#include "base/redact.h"
#include "base/text.h"

namespace perfbench {
namespace {

// Parameters of sbatch that hold no secret. Others may: export=TOKEN=..., comment=..., a mail address.
constexpr std::string_view kSlurmParameters =
    "account bandwidth constraint core-spec cores-per-socket cpus-per-gpu cpus-per-task distribution exclude exclusive "
    "gpu-bind gpu-freq gpus gpus-per-node gpus-per-task gres hint mem mem-bind mem-per-cpu mem-per-gpu network "
    "nodelist "
    "nodes no-requeue ntasks ntasks-per-node overcommit partition priority qos requeue reservation segment signal "
    "switches thread-spec threads-per-core time use-min-nodes wait-all-nodes";

bool is_slurm_parameter(std::string_view name) {
  std::string spelled(name);
  std::replace(spelled.begin(), spelled.end(), '_', '-');
  const std::vector<std::string> known = split(kSlurmParameters, ' ');
  return std::find(known.begin(), known.end(), spelled) != known.end();
}

}  // namespace

std::string recorded_slurm_params(std::string_view text) {
  std::vector<std::string> safe;
  for (const std::string& part : split(text, ';')) {
    const std::string_view name = trim(std::string_view(part).substr(0, part.find('=')));
    if (is_slurm_parameter(name))
      safe.push_back(redacted(part));
    else if (part.find('=') != std::string::npos)
      safe.push_back(std::string(name) + "=" + std::string(kRedacted));
    else
      safe.emplace_back(trim(part).empty() ? "" : kRedacted);
  }
  return join(safe, ";");
}

}  // namespace perfbench
