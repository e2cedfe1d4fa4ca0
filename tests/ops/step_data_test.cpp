#include "engine/torch/step_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perfbench {
namespace {

using ::testing::ElementsAre;

std::vector<std::int64_t> numbers(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kLong).contiguous();
  return {wide.data_ptr<std::int64_t>(), wide.data_ptr<std::int64_t>() + wide.numel()};
}

// Four samples of four tokens; token i of sample s is 10 s + i. The second sub-sequence of each starts at 3.
Batch batch() {
  Batch made;
  for (std::int64_t sample = 0; sample < 4; ++sample) {
    for (std::int64_t i = 0; i < 4; ++i) {
      made.tokens.push_back(10 * sample + i);
      made.targets.push_back(10 * sample + i + 1);
      made.starts.push_back(i < 3 ? 0 : 3);
    }
  }
  return made;
}

// Position by position, samples together; a rank of dp has the samples after those of the rank before.
TEST(StepData, HoldsTheRowsOfARank) {
  const auto runtime = make_runtime(Device::cpu, 0);
  const TokenPlaces places{.num_microbatches = 1,
                           .mbs = 2,
                           .seq_len = 4,
                           .dp = 2,
                           .dp_rank = 1,
                           .positions = {0, 3}};  // zigzag's first rank
  const std::vector<TokenData> kinds = {TokenData::token, TokenData::target, TokenData::position, TokenData::start};
  const StepData data(batch(), places, kinds, *runtime);
  EXPECT_THAT(numbers(data.on_device(TokenData::token, 0)), ElementsAre(20, 30, 23, 33));
  EXPECT_THAT(numbers(data.on_device(TokenData::target, 0)), ElementsAre(21, 31, 24, 34));
  EXPECT_THAT(numbers(data.on_device(TokenData::position, 0)), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(numbers(data.on_host(TokenData::start, 0)), ElementsAre(0, 0, 3, 3));
  EXPECT_FALSE(data.packed(0).bounds.defined());  // rows of two samples lie between each other
}

TEST(StepData, FindsTheSequencesOfAPack) {
  const auto runtime = make_runtime(Device::cpu, 0);
  const TokenPlaces places{.num_microbatches = 4, .mbs = 1, .seq_len = 4, .positions = {0, 1, 2, 3}};
  const StepData data(batch(), places, {TokenData::start}, *runtime);
  EXPECT_THAT(numbers(data.packed(2).bounds), ElementsAre(0, 3, 4));
  EXPECT_EQ(data.packed(2).longest, 3);
  EXPECT_THROW(data.on_host(TokenData::token, 0), std::logic_error);
}

}  // namespace
}  // namespace perfbench
