#include "job/terms.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

TEST(Terms, EveryTaskReadsItsOwnName) {
  for (const Task task : {Task::pretrain, Task::sft, Task::lora}) EXPECT_EQ(parse_task(name(task)), task);
}

TEST(Terms, NemosWordForPretraining) { EXPECT_EQ(parse_task("pre_train"), Task::pretrain); }

TEST(Terms, UnknownTask) { EXPECT_EQ(parse_task("finetune"), std::nullopt); }

TEST(Terms, EveryPrecisionReadsItsOwnName) {
  for (const Precision precision :
       {Precision::fp32, Precision::bf16, Precision::fp8cs, Precision::fp8ds, Precision::mxfp8, Precision::nvfp4}) {
    EXPECT_EQ(parse_precision(name(precision)), precision);
  }
}

TEST(Terms, Fp8AloneIsNoPrecision) { EXPECT_EQ(parse_precision("fp8"), std::nullopt); }

TEST(Terms, DtypeWithRecipe) {
  EXPECT_EQ(parse_precision("fp8", ""), Precision::fp8cs);
  EXPECT_EQ(parse_precision("fp8", "cs"), Precision::fp8cs);
  EXPECT_EQ(parse_precision("FP8", "ds"), Precision::fp8ds);
  EXPECT_EQ(parse_precision("fp8", "mxfp8"), Precision::mxfp8);
  EXPECT_EQ(parse_precision("fp8", "nvfp4"), Precision::nvfp4);
  EXPECT_EQ(parse_precision("fp8", "ss"), std::nullopt);
}

TEST(Terms, Bf16AndFp32HaveNoRecipe) {
  EXPECT_EQ(parse_precision("bf16", "ds"), Precision::bf16);
  EXPECT_EQ(parse_precision("fp32", "ds"), Precision::fp32);
  EXPECT_FALSE(is_scaled(Precision::bf16) || is_scaled(Precision::fp32));
  EXPECT_TRUE(is_scaled(Precision::fp8cs) && is_scaled(Precision::nvfp4));
}

TEST(Terms, WholeNameMustAgreeWithTheRecipe) {
  EXPECT_EQ(parse_precision("mxfp8", ""), Precision::mxfp8);
  EXPECT_EQ(parse_precision("fp8ds", "ds"), Precision::fp8ds);
  EXPECT_EQ(parse_precision("mxfp8", "ds"), std::nullopt);
}

}  // namespace
}  // namespace perfbench
