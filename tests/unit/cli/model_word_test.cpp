#include "cli/model_word.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

TEST(ParseModelWord, TakesModulesAndFiles) {
  for (const char* word :
       {"pretrain_llama3_8b", "scripts.performance.llm.pretrain_llama3_8b", "llm/pretrain_llama3_8b.py"}) {
    const auto parsed = parse_model_word(word);
    ASSERT_TRUE(parsed) << word;
    EXPECT_EQ(parsed->model, "llama3_8b");
    EXPECT_EQ(parsed->module, "pretrain_llama3_8b");
    EXPECT_FALSE(parsed->finetune);
  }
  EXPECT_TRUE(parse_model_word("a.finetune_llama3_70b")->finetune);
}

TEST(ParseModelWord, LeavesOtherWords) {
  for (const char* word : {"", "llama3_8b", "pretrain_", "pretrain", "a.b", "x_pretrain_llama3_8b"})
    EXPECT_FALSE(parse_model_word(word)) << word;
}

}  // namespace
}  // namespace perfbench
