#include "cost/attention_time.h"

#include <gtest/gtest.h>

#include "unit/cost/measured_systems.h"
#include "unit/cost/simple_constants.h"

namespace perfbench {
namespace {

const Hardware kHardware = simple_hardware();
const AttentionShape kShape{.batch = 2, .seq = 1000, .heads = 10, .kv_heads = 2, .head_dim = 128};

TEST(AttentionTime, CausalFlopsAreHalfOfTheFullOnes) {
  // Two products of 2 FLOPs x 2 samples x 10 heads x 1000 x 1000 x 128.
  AttentionShape full = kShape;
  full.causal = false;
  EXPECT_EQ(attention_forward_flops(full), 2 * 2.0 * 2 * 10 * 1e6 * 128);
  EXPECT_EQ(attention_forward_flops(kShape), attention_forward_flops(full) / 2);
}

TEST(AttentionTime, KeysAndValueSizeMayDiffer) {
  AttentionShape shape = kShape;
  shape.key_seq = 500;
  EXPECT_EQ(attention_forward_flops(shape), attention_forward_flops(kShape) / 2);
  shape = kShape;
  shape.value_dim = 64;  // (128 + 64) / (128 + 128)
  EXPECT_EQ(attention_forward_flops(shape), attention_forward_flops(kShape) * 0.75);
}

TEST(AttentionTime, IsLaunchPlusFlopsOverRate) {
  const double seconds = attention_forward_time_s(simple_constants(), kHardware, kShape);
  EXPECT_NEAR(seconds, 1e-6 + 5.12e9 / 0.5e15, 1e-12);
}

TEST(AttentionTime, BackwardIsTwoAndAHalfTimesTheWorkAtItsOwnRate) {
  const double forward_s = attention_forward_time_s(simple_constants(), kHardware, kShape) - 1e-6;
  const double backward_s = attention_backward_time_s(simple_constants(), kHardware, kShape) - 1e-6;
  EXPECT_NEAR(backward_s / forward_s, 2.5 / 0.5, 1e-9);
}

TEST(AttentionTime, PackedSubSequencesAreShortAndWasteful) {
  // A token's sub-sequence has 250 tokens on average, of the pack's 1000; the kernel works 3 times as much as it keeps.
  AttentionShape packed = kShape;
  packed.attended = 250;
  EXPECT_EQ(attention_forward_flops(packed), attention_forward_flops(kShape) / 4);
  const double whole_s = attention_forward_time_s(simple_constants(), kHardware, kShape) - 1e-6;
  EXPECT_NEAR(attention_forward_time_s(simple_constants(), kHardware, packed), 1e-6 + 0.75 * whole_s, 1e-12);
  EXPECT_NEAR(attention_backward_time_s(simple_constants(), kHardware, packed), 1e-6 + 0.75 * 5.0 * whole_s, 1e-12);
}

TEST(AttentionTime, HeadSizesBetweenTheMeasuredOnesAreInterpolated) {
  const auto share = [](double head_dim) {
    AttentionShape shape = kShape;
    shape.head_dim = head_dim;
    const double kernel_s = attention_forward_time_s(simple_constants(), kHardware, shape) - 1e-6;
    return attention_forward_flops(shape) / kernel_s / 1e15;
  };
  EXPECT_NEAR(share(32), 0.25, 1e-6);
  EXPECT_NEAR(share(64), 0.25, 1e-6);
  EXPECT_NEAR(share(128), 0.5, 1e-6);
  EXPECT_NEAR(share(181.02), 0.625, 1e-4);  // 128 x sqrt(2)
  EXPECT_NEAR(share(256), 0.75, 1e-6);
  EXPECT_NEAR(share(512), 0.75, 1e-6);
}

TEST(AttentionTime, ShortSequencesAndFewBlocksAreSlower) {
  const KernelConstants c = carried_constants("h100");
  const auto rate = [&](double batch, double seq) {
    const AttentionShape shape{.batch = batch, .seq = seq, .heads = 8, .kv_heads = 1, .head_dim = 128};
    return attention_forward_flops(shape) / attention_forward_time_s(c, h100_hardware(), shape);
  };
  EXPECT_GT(rate(1, 8192), 1.15 * rate(4, 2048));  // as many blocks of queries in both
  EXPECT_GT(rate(4, 2048), 1.1 * rate(1, 2048));
}

TEST(AttentionTime, PreparationReadsQueriesKeysValuesAndWritesTheOutput) {
  // 2000 tokens x (10 + 2) heads x (128 + 128) x 2 bytes at 4 TB/s.
  EXPECT_NEAR(attention_prepare_time_s(simple_constants(), kHardware, kShape), 12.288e6 / 4e12, 1e-15);
}

TEST(AttentionTime, NothingTakesNoTime) {
  EXPECT_EQ(attention_forward_time_s(simple_constants(), kHardware, {}), 0.0);
  EXPECT_EQ(attention_backward_time_s(simple_constants(), kHardware, {}), 0.0);
}

// Times of one H100, 8192 tokens, a quarter and the whole of a 70B model's heads, from the source of the constants.
TEST(AttentionTime, MeetsMeasuredTimesOnH100) {
  const KernelConstants c = carried_constants("h100");
  const auto seconds = [&](double heads, double kv_heads) {
    const AttentionShape shape{.batch = 1, .seq = 8192, .heads = heads, .kv_heads = kv_heads, .head_dim = 128};
    return attention_forward_time_s(c, h100_hardware(), shape) + attention_prepare_time_s(c, h100_hardware(), shape);
  };
  EXPECT_NEAR(seconds(16, 2) / 589.95e-6, 1.0, 0.05);
  EXPECT_NEAR(seconds(64, 8) / 2165.3e-6, 1.0, 0.05);
}

}  // namespace
}  // namespace perfbench
