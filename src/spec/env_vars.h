// env_vars.json: the environment that a run on a cluster sets, as one flat JSON object of strings.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace perfbench {

using EnvVars = std::map<std::string, std::string>;

// Throws InputError with every problem of the file: no object, a value that is no string, a name that no shell takes.
EnvVars read_env_vars(const std::filesystem::path& path);

// True when a name holds TOKEN, KEY, SECRET or PASSWORD in any case. Rather too many than too few.
bool is_secret_name(std::string_view name);

// The same variables with "[redacted]" for the value of every secret: what may be printed and recorded.
EnvVars redacted(EnvVars variables);

}  // namespace perfbench
