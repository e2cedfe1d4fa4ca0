#include "runners/run_environment.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "harness/digest.h"

namespace perfbench {

RunEnvironment::RunEnvironment(const std::optional<std::string>& file) : file_(file) {
  if (file_) variables_ = read_env_vars(*file_);
}

void RunEnvironment::set(bool several_gpus) {
  too_late_ = join(set_environment(variables_), ", ");
  if (several_gpus) setenv("CUDA_MODULE_LOADING", "EAGER", 0);
}

std::string RunEnvironment::note(bool runs) const {
  if (!runs)
    return fmt::format("{}: {} variables, without effect on a prediction", file_.value_or(""), variables_.size());
  std::vector<std::string> names;
  for (const auto& [name, value] : variables_) names.push_back(name);
  std::string text = fmt::format("{}: set before LibTorch was loaded: {}", file_.value_or(""),
                                 names.empty() ? "nothing" : join(names, ", "));
  if (!too_late_.empty()) text += fmt::format("; too late for {}: set these before perfbench starts", too_late_);
  return text;
}

std::string RunEnvironment::digest() const {
  std::string text;
  for (const auto& [name, value] : variables_) text += fmt::format("{}={}:{}\n", name, value.size(), value);
  return perfbench::digest(text);
}

}  // namespace perfbench
