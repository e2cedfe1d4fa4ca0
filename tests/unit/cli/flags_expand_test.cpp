#include "cli/flags_expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ExpandArguments, MakesLongNames) {
  const ExpandedArguments out = expand_arguments({"-tp", "4", "-pp=8", "-gpu", "h100", "--num-gpus", "64", "-d"});
  EXPECT_THAT(out.args, ElementsAre("--tensor_parallel_size", "4", "--pipeline_parallel_size", "8", "--gpu", "h100",
                                    "--num_gpus", "64", "--dryrun"));
  EXPECT_THAT(out.words, IsEmpty());
  EXPECT_THAT(out.problems, IsEmpty());
  EXPECT_EQ(out.spelling.at("tensor_parallel_size"), "-tp");
}

TEST(ExpandArguments, LeavesTheModuleOfPython) {
  for (const char* python : {"python", "python3", "python3.12", "/usr/bin/python3"}) {
    const ExpandedArguments out = expand_arguments({python, "-m", "scripts.llm.pretrain_llama3_8b", "-mb", "1"});
    EXPECT_THAT(out.words, ElementsAre("scripts.llm.pretrain_llama3_8b"));
    EXPECT_THAT(out.problems, IsEmpty());
  }
}

TEST(ExpandArguments, GivesValuesToTheFlagsThatTakeThem) {
  // A list takes all up to the next flag, a negative number is a value, -et may stand alone.
  const ExpandedArguments out = expand_arguments({"-rm", "core_attn", "mlp", "-et", "-tp", "-4", "-rm", "-et", "2"});
  EXPECT_THAT(out.args, ElementsAre("--recompute_modules", "core_attn,mlp", "--tensor_parallel_size", "-4",
                                    "--recompute_modules", "", "--expert_tensor_parallel_size", "2"));
  EXPECT_THAT(out.problems, IsEmpty());
}

TEST(ExpandArguments, NamesMissingValuesAndUnknownFlags) {
  const ExpandedArguments out = expand_arguments({"-tp", "-pp", "8", "--tensor_paralel_size", "4", "--json=1", "-gb"});
  ASSERT_EQ(out.problems.size(), 4u);
  EXPECT_EQ(out.problems[0].where, "-tp");
  EXPECT_EQ(out.problems[1].where, "--tensor_paralel_size");
  EXPECT_THAT(out.problems[1].hint, ::testing::HasSubstr("--tensor_parallel_size"));
  EXPECT_EQ(out.problems[2].where, "--json");
  EXPECT_EQ(out.problems[3].where, "-gb");
}

TEST(ExpandArguments, HidesSecrets) {
  const ExpandedArguments out = expand_arguments({"-hf", "abc", "--wandb-key=def", "-tp", "4", "word"});
  EXPECT_THAT(out.given,
              ElementsAre(Pair("-hf", "***"), Pair("--wandb-key", "***"), Pair("-tp", "4"), Pair("", "word")));
}

TEST(ExpandArguments, SaysWhereSecretsStand) {
  const ExpandedArguments out = expand_arguments(
      {"-hf", "abc", "--wandb-key=def", "-tp", "4", "-hfghi", "--additional_slurm_params", "export=A=jkl"});
  const std::vector<std::pair<std::size_t, std::size_t>> expected = {{1, 0}, {2, 12}, {5, 3}, {7, 0}};
  ASSERT_EQ(out.hidden.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(std::pair(out.hidden[i].argument, out.hidden[i].offset), expected[i]);
}

// A secret may begin with dashes; what is glued to its flag is never quoted.
TEST(ExpandArguments, TakesAnySecret) {
  EXPECT_THAT(expand_arguments({"-hf", "--SEKRET", "-tp", "4"}).given,
              ElementsAre(Pair("-hf", "***"), Pair("-tp", "4")));
  for (const char* arg : {"-hfSEKRET", "--hf_tokenSEKRET", "--hf-token:SEKRET", "-wdkSEKRET", "--wandb_keySEKRET=1"}) {
    const ExpandedArguments out = expand_arguments({arg});
    ASSERT_EQ(out.problems.size(), 1U) << arg;
    EXPECT_EQ(format_problems(out.problems).find("SEKRET"), std::string::npos) << arg;
  }
}

TEST(ExpandArguments, RecordsSlurmParametersByAListOfNames) {
  const ExpandedArguments out =
      expand_arguments({"--additional_slurm_params", "qos=high;gpus_per_node=8;exclusive;export=A=SEKRET;SEKRET"});
  EXPECT_THAT(out.given, ElementsAre(Pair("--additional_slurm_params",
                                          "qos=high;gpus_per_node=8;exclusive;export=[redacted];[redacted]")));
}

TEST(ExpandArguments, TakesWordsAfterTwoDashes) {
  EXPECT_THAT(expand_arguments({"check", "--", "-tp"}).words, ElementsAre("check", "-tp"));
}

}  // namespace
}  // namespace perfbench
