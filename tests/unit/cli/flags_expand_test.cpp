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

TEST(ExpandArguments, TakesWordsAfterTwoDashes) {
  EXPECT_THAT(expand_arguments({"check", "--", "-tp"}).words, ElementsAre("check", "-tp"));
}

}  // namespace
}  // namespace perfbench
