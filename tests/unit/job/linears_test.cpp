#include "job/linears.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

using Sizes = std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>;  // module, in, out

Sizes sizes_of(const std::vector<LinearSpec>& list) {
  Sizes sizes;
  for (const LinearSpec& linear : list) sizes.emplace_back(linear.module, linear.in.size, linear.out.size);
  return sizes;
}

TEST(Linears, OfGroupedQueryAttention) {
  EXPECT_EQ(sizes_of(linears(8, Gqa{.heads = 4, .kv_heads = 2, .head_dim = 3})), (Sizes{{"self_attn.q_proj", 8, 12},
                                                                                        {"self_attn.k_proj", 8, 6},
                                                                                        {"self_attn.v_proj", 8, 6},
                                                                                        {"self_attn.o_proj", 12, 8}}));
}

TEST(Linears, OfLatentAttentionInOneStepOrTwo) {
  Mla mla{.heads = 4, .q_rank = 3, .kv_rank = 5, .qk_nope_dim = 2, .qk_rope_dim = 1, .v_dim = 7};
  const Sizes after = {
      {"self_attn.kv_a_proj_with_mqa", 8, 6}, {"self_attn.kv_b_proj", 5, 36}, {"self_attn.o_proj", 28, 8}};
  Sizes two = {{"self_attn.q_a_proj", 8, 3}, {"self_attn.q_b_proj", 3, 12}}, one = {{"self_attn.q_proj", 8, 12}};
  two.insert(two.end(), after.begin(), after.end());
  one.insert(one.end(), after.begin(), after.end());
  EXPECT_EQ(sizes_of(linears(8, mla)), two);
  mla.q_rank = 0;
  EXPECT_EQ(sizes_of(linears(8, mla)), one);
}

TEST(Linears, OfMamba) {
  // in: z and x of 6 each, B and C of 4 each, 2 dt
  EXPECT_EQ(sizes_of(linears(8, Mamba2{.heads = 2, .groups = 1, .head_dim = 3, .state = 4})),
            (Sizes{{"mixer.in_proj", 8, 22}, {"mixer.out_proj", 6, 8}}));
}

TEST(Linears, OfSelfAndCrossAttention) {
  const auto list = linears(6, SelfAndCross{.heads = 2, .head_dim = 3, .bias = true});
  std::int64_t weights = 0;
  for (const LinearSpec& linear : list) {
    weights += linear.weights();
    EXPECT_TRUE(linear.bias);
  }
  EXPECT_EQ(list.size(), 8U);
  EXPECT_EQ(weights, 8 * 6 * 6);
}

TEST(Linears, OfMlpsWithAndWithoutAGate) {
  EXPECT_EQ(sizes_of(linears(8, Dense{.ffn = 5})),
            (Sizes{{"mlp.gate_proj", 8, 5}, {"mlp.up_proj", 8, 5}, {"mlp.down_proj", 5, 8}}));
  EXPECT_EQ(sizes_of(linears(8, Dense{.ffn = 5, .gated = false})),
            (Sizes{{"mlp.up_proj", 8, 5}, {"mlp.down_proj", 5, 8}}));
}

// Routed experts count as often as there are; the router is never quantised.
TEST(Linears, OfExperts) {
  const auto list = linears(8, Moe{.experts = 7, .top_k = 2, .ffn = 6, .shared = Dense{.ffn = 5}});
  std::int64_t weights = 0;
  for (const LinearSpec& linear : list) weights += linear.weights();
  EXPECT_EQ(weights, 8 * 7 + 7 * 3 * 8 * 6 + 3 * 8 * 5);
  EXPECT_EQ(list.front().compute, Width::f32);
  EXPECT_EQ(list.front().experts, 0);
  EXPECT_EQ(list[1].experts, 7);
  EXPECT_EQ(list.back().experts, 0);
}

TEST(Linears, ARankHoldsAWholeHeadAtLeast) {
  const Features kv{.name = "kv_heads x head_dim", .size = 2 * 64, .unit = 64};
  EXPECT_EQ(local_size(kv, 1), 128);
  EXPECT_EQ(local_size(kv, 2), 64);
  EXPECT_EQ(local_size(kv, 8), 64);
}

TEST(Linears, KeyValueHeadsAreDealtOutOrCopied) {
  EXPECT_EQ(kv_share(8, 2)->heads, 4);
  EXPECT_EQ(kv_share(8, 2)->copies, 1);
  EXPECT_EQ(kv_share(2, 8)->heads, 1);
  EXPECT_EQ(kv_share(2, 8)->copies, 4);
  EXPECT_FALSE(kv_share(6, 4));
}

TEST(Linears, TargetsAreTheLastPartsOfModules) { EXPECT_EQ(linears(8, Dense{.ffn = 5}).front().target(), "gate_proj"); }

}  // namespace
}  // namespace perfbench
