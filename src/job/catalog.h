// The data files that perfbench reads: where they lie, what they are called, and which file a name means.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/model_spec.h"
#include "job/stack.h"
#include "job/system_spec.h"

namespace perfbench {

class Catalog {
 public:
  // `folder` is a model_configs folder. Nothing is read yet. Throws InputError when it is no folder.
  explicit Catalog(std::filesystem::path folder);

  // The folder of the environment variable PERFBENCH_DATA, else model_configs beside the executable or in a folder
  // above it, else ../share/perfbench/model_configs of it. Throws EnvironmentError when there is none.
  static Catalog find();

  const std::filesystem::path& folder() const { return folder_; }

  // By name, alias, or path to a config.json or its folder (models) or to a JSON file (systems, stacks), in this order;
  // what starts with "." or "/" or ends with "/" or ".json" is always a path. In names, case and runs of " -_./" don't
  // matter. A file is read once: a later change of it is not seen. Throws InputError with the nearest names; `where` is
  // what the message starts with: "--model".
  ModelSpec model(std::string_view name, const std::string& where) const;
  SystemSpec system(std::string_view name, const std::string& where) const;
  Stack stack(std::string_view name, const std::string& where) const;  // paths, too: of a user's own stack file
  // The name of the stack that a name or an alias means; what no stack is called comes back as canonical_name() has it.
  std::string stack_name(std::string_view name) const;
  // Whether the file of the stack of that name says `preferred`; no more of it is read. False where there is none.
  bool stack_comes_first(std::string_view name) const;
  // The system whose device_names have what the driver calls a GPU; unset where none has.
  std::optional<SystemSpec> system_of_device(std::string_view device_name) const;

  std::vector<std::string> model_names() const;   // sorted folder names
  std::vector<std::string> system_names() const;  // sorted
  std::vector<std::string> stack_names() const;   // sorted
  bool has_model(std::string_view name) const;    // by name or alias, paths left out

  std::filesystem::path kernel_constants(const SystemSpec& system) const;  // kernels/<the system's `kernels`>.json
  std::filesystem::path config_table(std::string_view system) const;  // model_configs_<system>.csv; it may not exist

 private:
  // What was found, by the name that was asked for.
  template <typename Spec>
  using Memo = std::map<std::string, Spec, std::less<>>;

  ModelSpec read_model_of(std::string_view name, const std::string& where) const;
  SystemSpec read_system_of(std::string_view name, const std::string& where) const;
  Stack read_stack_of(std::string_view name, const std::string& where) const;

  std::filesystem::path folder_;
  mutable Memo<ModelSpec> models_;  // these are of one thread
  mutable Memo<SystemSpec> systems_;
  mutable Memo<Stack> stacks_;
};

// "LLAMA3-70B" and "llama3_70b" are one name: lower case, runs of " -_./" become one "_".
std::string canonical_name(std::string_view name);

}  // namespace perfbench
