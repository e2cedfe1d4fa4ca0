#include "cli/process_title.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

std::vector<std::string> hidden(std::vector<std::string> args) {
  std::vector<std::string> memory = args;
  std::vector<char*> argv;
  for (std::string& arg : memory) argv.push_back(arg.data());
  hide_secrets(args, argv.data());
  return memory;
}

TEST(ProcessTitle, SecretsAreOverwrittenInPlace) {
  using Args = std::vector<std::string>;
  EXPECT_EQ(hidden({"-hf", "secret", "-tp", "4"}), (Args{"-hf", "******", "-tp", "4"}));
  EXPECT_EQ(hidden({"--wandb-key=secret"}), (Args{"--wandb-key=******"}));
  EXPECT_EQ(hidden({"-hfsecret", "-hf"}), (Args{"-hf******", "-hf"}));
  EXPECT_EQ(hidden({"-i", "u:secret@host/x", "-cm", "/a:/b", "https://u@h/x:/y"}),
            (Args{"-i", "********@host/x", "-cm", "/a:/b", "https://*@h/x:/y"}));
  EXPECT_EQ(hidden({"--additional_slurm_params", "qos=a"}), (Args{"--additional_slurm_params", "qos=a"}));
  EXPECT_EQ(hidden({"--additional_slurm_params=comment=b"}), (Args{"--additional_slurm_params=*********"}));
  EXPECT_EQ(hidden({}), Args{});
}

}  // namespace
}  // namespace perfbench
