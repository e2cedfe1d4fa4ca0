#include "harness/where.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "job/catalog.h"

namespace perfbench {
namespace {

std::string bare_name(std::string_view name) {
  std::string bare = lower(trim(name));
  std::replace(bare.begin(), bare.end(), '-', '_');
  return bare;
}

bool agree(const std::string& asked, const std::string& given) {
  if (is_unset(asked) || is_unset(given)) return is_unset(asked) && is_unset(given);
  const auto asked_number = parse_double(asked), given_number = parse_double(given);
  if (asked_number && given_number) return *asked_number == *given_number;
  if (canonical_name(asked) == canonical_name(given)) return true;
  const auto asked_switch = parse_bool(asked), given_switch = parse_bool(given);
  return asked_switch && given_switch && *asked_switch == *given_switch;
}

bool agrees(const Condition& condition, const NamedValues& values) {
  const auto [first, last] = values.equal_range(condition.name);
  if (first == last) return is_unset(condition.value);
  return std::any_of(first, last, [&](const auto& named) { return agree(condition.value, named.second); });
}

}  // namespace

Where parse_where(std::string_view text, const std::string& flag, std::span<const std::string> known) {
  Where where;
  std::vector<Problem> problems;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      problems.push_back({flag, "\"" + part + "\" is no NAME=VALUE", "for example model=llama3_70b,task=pre_train"});
      continue;
    }
    const std::string name = bare_name(part.substr(0, equals));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      problems.push_back({flag, "there is no column \"" + std::string(trim(part.substr(0, equals))) + "\"",
                          nearest_hint(name, known)});
      continue;
    }
    where.conditions.push_back({name, std::string(trim(part.substr(equals + 1)))});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return where;
}

bool matches(const Where& where, const NamedValues& values) {
  std::set<std::string_view> asked, agreed;
  for (const Condition& condition : where.conditions) {
    asked.insert(condition.name);
    if (agrees(condition, values)) agreed.insert(condition.name);
  }
  return asked == agreed;
}

}  // namespace perfbench
