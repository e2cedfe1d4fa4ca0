#include "spec/env_vars.h"

#include <fmt/format.h>

#include <cctype>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace perfbench {

namespace {

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  for (char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

}  // namespace

EnvVars read_env_vars(const std::filesystem::path& path) {
  const std::string file = path.string();
  const Json json = read_json(path);
  const auto* object = std::get_if<Json::Object>(&json.value);
  if (!object) throw InputError(file, "must be one JSON object of strings", R"(write {"NCCL_DEBUG": "INFO"})");
  EnvVars variables;
  std::vector<Problem> problems;
  for (const auto& [name, value] : *object) {
    const std::string where = fmt::format("{}: {}", file, name);
    if (!is_variable_name(name)) {
      problems.push_back({where, "is no name of an environment variable", "use letters, digits and _, no digit first"});
    } else if (const auto* text = std::get_if<std::string>(&value.value)) {
      variables[name] = *text;
    } else {
      problems.push_back({where, "the value must be a string", "put it in double quotes"});
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return variables;
}

bool is_secret_name(std::string_view name) {
  const std::string text = lower(name);
  for (std::string_view word : {"token", "key", "secret", "password"}) {
    if (text.find(word) != std::string::npos) return true;
  }
  return false;
}

EnvVars redacted(EnvVars variables) {
  for (auto& [name, value] : variables) {
    if (is_secret_name(name)) value = "[redacted]";
  }
  return variables;
}

}  // namespace perfbench
