#include "spec/env_vars.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace perfbench {
namespace {

std::filesystem::path file_with(const std::string& text) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::filesystem::path path = std::filesystem::path(testing::TempDir()) / (std::string(test->name()) + ".json");
  std::ofstream(path) << text;
  return path;
}

TEST(EnvVars, ReadsAFlatMap) {
  const EnvVars variables = read_env_vars(file_with(R"({"NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa"})"));
  EXPECT_EQ(variables, (EnvVars{{"FI_PROVIDER", "efa"}, {"NCCL_DEBUG", "INFO"}}));
}

TEST(EnvVars, NamesEveryWrongEntry) {
  const auto path = file_with(R"({"A": 1, "B": {"C": "x"}, "1X": "a", "GOOD": "b"})");
  try {
    read_env_vars(path);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    ASSERT_EQ(error.problems().size(), 3u);
    EXPECT_EQ(error.problems()[0].where, path.string() + ": A");
    EXPECT_EQ(error.problems()[1].where, path.string() + ": B");
    EXPECT_EQ(error.problems()[2].where, path.string() + ": 1X");
  }
}

TEST(EnvVars, RefusesWhatIsNoObject) { EXPECT_THROW(read_env_vars(file_with(R"(["NCCL_DEBUG"])")), InputError); }

TEST(EnvVars, RedactsSecretsOnly) {
  const EnvVars safe = redacted({{"HF_TOKEN", "hf_1"},
                                 {"WANDB_API_KEY", "k"},
                                 {"Client_Secret", "s"},
                                 {"DB_PASSWORD", "p"},
                                 {"NCCL_DEBUG", "INFO"}});
  for (const char* name : {"HF_TOKEN", "WANDB_API_KEY", "Client_Secret", "DB_PASSWORD"}) {
    EXPECT_EQ(safe.at(name), "[redacted]") << name;
  }
  EXPECT_EQ(safe.at("NCCL_DEBUG"), "INFO");
}

}  // namespace
}  // namespace perfbench
