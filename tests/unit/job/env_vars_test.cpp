#include "job/env_vars.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

class EnvVarsFile : public TemporaryFolder {
 protected:
  std::filesystem::path file_with(const std::string& text) const { return write("env.json", text); }
};

TEST_F(EnvVarsFile, ReadsAFlatMap) {
  const EnvVars variables = read_env_vars(file_with(R"({"NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa"})"));
  EXPECT_EQ(variables, (EnvVars{{"FI_PROVIDER", "efa"}, {"NCCL_DEBUG", "INFO"}}));
}

TEST_F(EnvVarsFile, NamesEveryWrongEntry) {
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

TEST_F(EnvVarsFile, RefusesWhatIsNoObject) { EXPECT_THROW(read_env_vars(file_with(R"(["NCCL_DEBUG"])")), InputError); }

// A broken file may be broken at a secret.
TEST_F(EnvVarsFile, NoMessageQuotesTheFile) {
  for (const char* text : {R"({"HF_TOKEN": SEKRET})", R"({"HF_TOKEN": "SEKRET)", R"({"HF_TOKEN": 'SEKRET'})",
                           R"(["SEKRET"])", R"({"HF_TOKEN": ["SEKRET"]})", R"({"A": "SEKRET\u0000"})"}) {
    try {
      read_env_vars(file_with(text));
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).find("SEKRET"), std::string::npos) << error.what();
    }
  }
}

TEST(EnvVars, SaysWhichComeTooLate) {
  EXPECT_EQ(set_environment({{"LD_TEST_OF_THIS", "x"}, {"NCCL_TEST_OF_THIS", "y"}}),
            std::vector<std::string>{"LD_TEST_OF_THIS"});
  unsetenv("LD_TEST_OF_THIS");
  unsetenv("NCCL_TEST_OF_THIS");
}

}  // namespace
}  // namespace perfbench
