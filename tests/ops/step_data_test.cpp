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
  const std::vector<Datum> all = {Datum::token, Datum::target, Datum::position, Datum::stream_position, Datum::start};
  const StepData data(batch(), places, all, *runtime);
  EXPECT_THAT(numbers(data.on_device(Datum::token, 0)), ElementsAre(20, 30, 23, 33));
  EXPECT_THAT(numbers(data.on_device(Datum::target, 0)), ElementsAre(21, 31, 24, 34));
  EXPECT_THAT(numbers(data.on_device(Datum::position, 0)), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(numbers(data.on_device(Datum::stream_position, 0)), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(numbers(data.on_device(Datum::start, 0)), ElementsAre(0, 0, 3, 3));
  EXPECT_EQ(data.packed(Datum::position, 0), nullptr);
  const PackedSequences& packed = *data.packed(Datum::start, 0);
  EXPECT_THAT(numbers(packed.host_starts), ElementsAre(0, 0, 3, 3));
  EXPECT_FALSE(packed.bounds.defined());  // rows of two samples lie between each other
}

TEST(StepData, FindsTheSequencesOfAPack) {
  const auto runtime = make_runtime(Device::cpu, 0);
  const TokenPlaces places{.num_microbatches = 4, .mbs = 1, .seq_len = 4, .positions = {0, 1, 2, 3}};
  const StepData data(batch(), places, {Datum::start}, *runtime);
  EXPECT_THAT(numbers(data.packed(Datum::start, 2)->bounds), ElementsAre(0, 3, 4));
  EXPECT_EQ(data.packed(Datum::start, 2)->longest, 3);
  EXPECT_THROW(data.on_device(Datum::token, 0), std::logic_error);
}

// One over the target tokens of the whole batch, not of the rank's; the same for every microbatch.
TEST(StepData, WeighsTheTargetsOfTheGlobalBatch) {
  const auto runtime = make_runtime(Device::cpu, 0);
  Batch ignored = batch();
  for (const std::size_t place : {0U, 5U, 6U, 15U}) ignored.targets[place] = kIgnoredTarget;
  const TokenPlaces places{
      .num_microbatches = 2, .mbs = 1, .seq_len = 4, .dp = 2, .dp_rank = 1, .positions = {0, 1, 2, 3}};
  const StepData data(ignored, places, {Datum::loss_weight}, *runtime);
  for (const int microbatch : {0, 1}) {
    const at::Tensor weight = data.on_device(Datum::loss_weight, microbatch);
    EXPECT_EQ(weight.scalar_type(), at::kFloat);
    EXPECT_EQ(weight.item<float>(), 1.0F / 12.0F);
  }
}

// Row i of a rank's own goes to expert 2 i and the next, of 5; each of two tp ranks counts its two rows.
TEST(StepData, BalancesTheRowsOfEachRankOfTp) {
  const auto runtime = make_runtime(Device::cpu, 0);
  const TokenPlaces places{.num_microbatches = 4, .mbs = 1, .seq_len = 4, .positions = {0, 1, 2, 3}};
  const GateShape gate{.experts = 5, .top_k = 2, .rows = 2};
  const std::vector<Datum> none, number = {Datum::token_number};
  const StepData data(batch(), places, none, *runtime, gate);
  EXPECT_THAT(numbers(data.on_device(Datum::choice, 1)), ElementsAre(0, 1, 2, 3, 0, 1, 2, 3));
  EXPECT_TRUE(data.on_device(Datum::gate_weight, 3).eq(0.5).all().item<bool>());
  const StepData whole(batch(), places, number, *runtime, GateShape{.experts = 5, .top_k = 2, .rows = 4});
  EXPECT_THAT(numbers(whole.on_device(Datum::choice, 0)), ElementsAre(0, 1, 2, 3, 4, 0, 1, 2));
  EXPECT_THAT(numbers(whole.on_device(Datum::token_number, 2)), ElementsAre(8, 9, 10, 11));
}

// Those of the batch, in the order of the rank's rows.
TEST(StepData, TakesTheChoicesOfTheBatch) {
  const auto runtime = make_runtime(Device::cpu, 0);
  Batch given = batch();
  for (std::int64_t token = 0; token < 16; ++token) {
    given.choices.push_back(token);
    given.gate_weights.push_back(static_cast<float>(token) / 16);
  }
  const TokenPlaces places{.num_microbatches = 1, .mbs = 2, .seq_len = 4, .dp = 2, .dp_rank = 1, .positions = {0, 3}};
  const StepData data(given, places, {}, *runtime, GateShape{.experts = 16, .top_k = 1, .rows = 4});
  EXPECT_THAT(numbers(data.on_device(Datum::choice, 0)), ElementsAre(8, 12, 11, 15));
  EXPECT_EQ(data.on_device(Datum::gate_weight, 0)[1].item<float>(), 0.75F);
  const GateShape two{.experts = 16, .top_k = 2, .rows = 4};
  EXPECT_THROW(StepData(given, places, {}, *runtime, two), std::logic_error);
}

TEST(StepData, IsWhatTheProgramsOfARankRead) {
  Program first, last;
  first.data = {{Datum::position, 1}, {Datum::token, 0}};
  last.data = {{Datum::target, 3}, {Datum::position, 2}};
  EXPECT_THAT(data_of({&first, &last}), ElementsAre(Datum::token, Datum::target, Datum::position));
  EXPECT_THAT(data_of({}), testing::IsEmpty());
}

}  // namespace
}  // namespace perfbench
