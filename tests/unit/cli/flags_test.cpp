#include "cli/flags.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/file.h"

namespace perfbench {
namespace {

std::string_view name(FlagKind kind) {
  switch (kind) {
    case FlagKind::text:
      return "text";
    case FlagKind::integer:
      return "integer";
    case FlagKind::number:
      return "number";
    case FlagKind::optional_integer:
      return "optional integer";
    case FlagKind::boolean:
      return "boolean";
    case FlagKind::on:
      return "switch";
    case FlagKind::list:
      return "list";
    case FlagKind::conditions:
      return "conditions";
    case FlagKind::secret:
      return "secret";
  }
  return "?";
}

// People and scripts rely on every spelling: a flag that goes, or changes its kind, must be a decision.
TEST(Flags, AreThoseOfTheGoldenFile) {
  std::string list;
  for (const Flag& flag : flags()) {
    list += "--" + std::string(flag.name);
    if (!flag.aliases.empty()) list += " " + std::string(flag.aliases);
    list += " | " + std::string(name(flag.kind));
    if (!flag.choices.empty()) list += ": " + std::string(flag.choices);
    list += " | " + (flag.source == FlagSource::perfbench ? "perfbench" : std::string(title(flag.source))) + "\n";
  }
  EXPECT_EQ(list, read_file(std::string(PERFBENCH_SOURCE_DIR) + "/tests/golden/flags.txt"));
}

TEST(Flags, HaveDifferentSpellings) {
  std::set<const Flag*> found;
  std::set<std::string> spellings;
  for (const std::string& spelling : flag_spellings()) {
    EXPECT_TRUE(spellings.insert(spelling).second) << spelling;
    ASSERT_NE(find_flag(spelling), nullptr) << spelling;
    found.insert(find_flag(spelling));
  }
  EXPECT_EQ(found.size(), flags().size());  // none hides another
}

TEST(Flags, AreFoundByAnySpelling) {
  const Flag* tp = find_flag("-tp");
  ASSERT_NE(tp, nullptr);
  EXPECT_EQ(tp->name, "tensor_parallel_size");
  for (const char* spelling : {"--tp", "--tensor_parallel_size", "--tensor-parallel-size", "-tensor_parallel_size"})
    EXPECT_EQ(find_flag(spelling), tp) << spelling;
  EXPECT_EQ(find_flag("--dry-run"), find_flag("-d"));
  EXPECT_EQ(find_flag("-gpu"), find_flag("-g"));
  for (const char* spelling : {"tp", "---tp", "-", "--", "-tpp", ""})
    EXPECT_EQ(find_flag(spelling), nullptr) << spelling;
}

// A secret must be one for the expander, which hides it, and for the target, which no writer can print.
TEST(Flags, KeepSecretsInSecrets) {
  int secrets = 0;
  for (const Flag& flag : flags()) {
    const bool is_secret_target = std::holds_alternative<std::optional<Secret> LaunchOptions::*>(flag.target);
    EXPECT_EQ(flag.kind == FlagKind::secret, is_secret_target) << flag.name;
    secrets += is_secret_target ? 1 : 0;
  }
  EXPECT_EQ(secrets, 2);
}

}  // namespace
}  // namespace perfbench
