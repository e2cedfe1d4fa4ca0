#include "job/recorded_vars.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace perfbench {
namespace {

TEST(RecordedVars, EveryNameHasAReason) {
  for (const RecordedVar& known : recorded_vars()) {
    EXPECT_FALSE(known.reason.empty()) << known.name;
    EXPECT_TRUE(is_recorded(known.name)) << known.name;
  }
}

TEST(RecordedVars, KeepWhatTheListNames) {
  const EnvVars safe = recorded({{"NCCL_DEBUG", "INFO"},
                                 {"FI_PROVIDER", "efa"},
                                 {"NCCL_IB_PKEY", "0x7fff"},
                                 {"OMP_NUM_THREADS", "4"},
                                 {"RANK", "3"},
                                 {"NCCL_SOCKET_IFNAME", "hf_SEKRETabcdefghijklmnop"}});
  EXPECT_EQ(safe.at("NCCL_DEBUG"), "INFO");
  EXPECT_EQ(safe.at("FI_PROVIDER"), "efa");
  EXPECT_EQ(safe.at("NCCL_IB_PKEY"), "0x7fff");
  EXPECT_EQ(safe.at("OMP_NUM_THREADS"), "4");
  EXPECT_EQ(safe.at("RANK"), "3");
  EXPECT_EQ(safe.at("NCCL_SOCKET_IFNAME"), "[redacted]");
}

TEST(RecordedVars, NameAllOthersOnly) {
  for (const char* name : {"HF_TOKEN", "WANDB_API_KEY", "Client_Secret", "DB_PASSWORD", "HTTPS_PROXY", "ANYTHING",
                           "NVIDIA_API_KEY", "SLURM_JWT", "MY_NCCL_DEBUG", "RANKING", "nccl_debug"})
    EXPECT_EQ(recorded({{name, "SEKRET"}}), (EnvVars{{name, "[not recorded]"}}));
}

TEST(RecordedVars, OfTheProcess) {
  ASSERT_EQ(set_environment({{"NCCL_TEST_OF_THIS", "a=b"}, {"TEST_OF_THIS", "SEKRET"}}), std::vector<std::string>{});
  EXPECT_STREQ(std::getenv("TEST_OF_THIS"), "SEKRET");
  const EnvVars found = recorded_environment();
  EXPECT_EQ(found.at("NCCL_TEST_OF_THIS"), "a=b");
  EXPECT_FALSE(found.contains("TEST_OF_THIS"));
  unsetenv("NCCL_TEST_OF_THIS");
  unsetenv("TEST_OF_THIS");
}

}  // namespace
}  // namespace perfbench
