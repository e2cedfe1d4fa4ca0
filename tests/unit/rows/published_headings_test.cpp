#include "rows/published_headings.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

std::string_view meaning(std::string_view heading) {
  const PublishedHeading* found = find_heading(heading);
  return found == nullptr ? "?" : found->name;
}

// Spellings that stand in no table of this project.
TEST(PublishedHeadings, UnderstandsSpellingsByTheirWords) {
  EXPECT_EQ(meaning("# of GPUs"), "num_gpus");
  EXPECT_EQ(meaning("Total number of GPUs"), "num_gpus");
  EXPECT_EQ(meaning("Global Batch-Size"), "gbs");
  EXPECT_EQ(meaning("Avg. Step Time (s)"), "step_time_s");
  EXPECT_EQ(meaning("Mean iteration time [ms]"), "step_time_s");
  EXPECT_EQ(find_heading("Mean iteration time [ms]")->unit, "ms");
  EXPECT_EQ(meaning("Tokens per second per GPU"), "tokens_per_s_per_gpu");
  EXPECT_EQ(meaning("Average tok/s/GPU"), "tokens_per_s_per_gpu");
  EXPECT_EQ(meaning("TFLOPs / GPU"), "model_tflops_per_gpu");
}

// "GPU" is the system, "GPUs" their number; a figure of the whole job is none of one GPU.
TEST(PublishedHeadings, DoesNotGuess) {
  EXPECT_EQ(meaning("GPU"), "system");
  EXPECT_EQ(meaning("GPUs"), "num_gpus");
  EXPECT_EQ(meaning("Tokens/s"), "?");
  EXPECT_EQ(meaning("Average"), "?");
  EXPECT_EQ(meaning(""), "?");
}

}  // namespace
}  // namespace perfbench
