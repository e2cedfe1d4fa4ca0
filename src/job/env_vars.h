// env_vars.json: the environment that a run on a cluster sets, as one flat JSON object of strings.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

using EnvVars = std::map<std::string, std::string>;

// Throws InputError with every problem of the file: no object, a value that is no string, a name that no shell takes.
// No message quotes a value: it may be a secret.
EnvVars read_env_vars(const std::filesystem::path& path);

// Sets them for this process and what it loads from now on. To be called before it has a second thread. Returns the
// names of those that have no effect any more: what the loader and the allocator read when a process starts.
std::vector<std::string> set_environment(const EnvVars& variables);

}  // namespace perfbench
