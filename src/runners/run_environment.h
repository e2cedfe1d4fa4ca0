// --env_vars: the variables of a run, and what becomes of them.
#pragma once

#include <optional>
#include <string>

#include "job/env_vars.h"

namespace perfbench {

class RunEnvironment {
 public:
  // Reads the file, if one is given. Throws InputError.
  explicit RunEnvironment(const std::optional<std::string>& file);

  // Sets the variables, so that the engine and LibTorch find them: to be called before engine_report() or
  // open_session() loads these, and not for a prediction. Where `several_gpus` may talk to each other, kernels are
  // loaded when CUDA starts, unless CUDA_MODULE_LOADING says otherwise: loading one later may wait for what runs, and a
  // receive runs until its peer, which may wait for this rank, has sent (CUDA C++ Programming Guide, "Lazy Loading").
  void set(bool several_gpus);

  const EnvVars& variables() const { return variables_; }
  bool given() const { return file_.has_value(); }

  // What a row says of the file; `runs` where steps or kernels were run here.
  std::string note(bool runs) const;
  // What a row depends on where steps are run: names and values, of which nothing can be read back.
  std::string digest() const;

 private:
  std::optional<std::string> file_;  // as given
  EnvVars variables_;
  std::string too_late_;  // names
};

}  // namespace perfbench
