#include "job/env_vars.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace perfbench {

namespace {

constexpr std::string_view kReadAtStart[] = {"LD_", "GLIBC_TUNABLES", "MALLOC_"};  // ld.so(8), mallopt(3)

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  for (char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

// The parser's messages quote what they could not read; the place alone is enough to find it.
Json parse_unquoted(const std::string& text, const std::string& file) {
  try {
    return parse_json(text, file);
  } catch (const InputError& error) {
    throw InputError(error.problems().front().where, "this is no JSON; it is not shown, for it may be a secret",
                     R"(write {"NCCL_DEBUG": "INFO"})");
  }
}

// The rule that the value breaks, or "".
std::string_view value_problem(const std::string* text) {
  if (text == nullptr) return "the value must be a string";
  return text->find('\0') == std::string::npos ? "" : "the value must not hold a NUL byte";
}

}  // namespace

EnvVars read_env_vars(const std::filesystem::path& path) {
  const std::string file = path.string();
  const Json json = parse_unquoted(read_file(path), file);
  const auto* object = std::get_if<Json::Object>(&json.value);
  if (!object) throw InputError(file, "must be one JSON object of strings", R"(write {"NCCL_DEBUG": "INFO"})");
  EnvVars variables;
  std::vector<Problem> problems;
  for (const auto& [name, value] : *object) {
    const std::string where = fmt::format("{}: {}", file, name);
    const auto* text = std::get_if<std::string>(&value.value);
    if (!is_variable_name(name)) {
      problems.push_back({where, "is no name of an environment variable", "use letters, digits and _, no digit first"});
    } else if (const std::string_view problem = value_problem(text); !problem.empty()) {
      problems.push_back({where, std::string(problem), text == nullptr ? "put it in double quotes" : ""});
    } else {
      variables[name] = *text;
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return variables;
}

std::vector<std::string> set_environment(const EnvVars& variables) {
  std::vector<std::string> too_late;
  for (const auto& [name, value] : variables) {
    if (setenv(name.c_str(), value.c_str(), 1) != 0) throw RunError(name, "the variable could not be set");
    for (const std::string_view start : kReadAtStart)
      if (name.starts_with(start)) too_late.push_back(name);
  }
  return too_late;
}

}  // namespace perfbench
