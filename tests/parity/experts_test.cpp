// Layers of experts on many layouts: bytes, losses and gradients. 8 experts, 2 of them a token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "parity/outcome.h"
#include "parity/structure.h"
#include "parity/tiny_llama.h"

namespace perfbench {
namespace {

using ::testing::HasSubstr;

// ep inside dp, across cp, across tp, and etp; with every other axis and each way to keep states.
std::vector<TinyLlama> layouts() {
  return {
      {.name = "one_rank", .experts = 8},
      {.name = "dp2_ep2", .dp = 2, .experts = 8, .ep = 2},
      {.name = "dp4_ep2_small_buckets", .dp = 4, .bucket_elements = 3000, .experts = 8, .ep = 2},
      {.name = "dp4_ep4_replicated_optimizer", .dp = 4, .distributed_optimizer = false, .experts = 8, .ep = 4},
      {.name = "cp2_dp2_ep4", .dp = 2, .mbs = 2, .cp = 2, .experts = 8, .ep = 4},
      {.name = "tp2_ep2", .tp = 2, .experts = 8, .ep = 2},
      {.name = "tp2_etp2_unfused", .tp = 2, .fused = false, .experts = 8, .etp = 2},
      {.name = "tp2_dp2_ep2_etp2", .tp = 2, .dp = 2, .experts = 8, .ep = 2, .etp = 2},
      {.name = "pp2_vp2_dp2_ep2_tied", .pp = 2, .vp = 2, .dp = 2, .tied = true, .experts = 8, .ep = 2},
      {.name = "fsdp4_ep2", .dp = 4, .layers = 2, .fsdp = true, .experts = 8, .ep = 2},
      {.name = "fsdp4_ep4_deferred", .dp = 4, .layers = 2, .fsdp = true, .defer_reduce = true, .experts = 8, .ep = 4},
      {.name = "fsdp2_tp2_ep2_kept",
       .tp = 2,
       .dp = 2,
       .layers = 2,
       .fsdp = true,
       .reshard = false,
       .experts = 8,
       .ep = 2},
      {.name = "recompute_dp2_ep2", .dp = 2, .layers = 2, .recompute_layers = 9, .experts = 8, .ep = 2},
  };
}

class Experts : public WithEngine, public ::testing::WithParamInterface<TinyLlama> {};
class ExpertRuns : public WithEngine {};

std::string name_of(const ::testing::TestParamInfo<TinyLlama>& info) { return info.param.name; }

TinyLlama with_gate(TinyLlama tiny, Gate gate) {
  tiny.gate = gate;
  return tiny;
}

// The model's router, and logits that are drawn from the tokens' numbers: the layout does not matter.
TEST_P(Experts, AgreeWithOneRank) {
  const TinyLlama& tiny = GetParam();
  const Job job = tiny_llama(tiny);
  expect_allowed(compare(two_steps(job, build_plan(job)), one_rank(tiny)));
}

// Every rank sends as many rows to every other.
TEST_P(Experts, MoveAndHoldWhatTheProgramsSayWhereTheGateIsBalanced) {
  const Job job = tiny_llama(with_gate(GetParam(), Gate::balanced));
  const Course buffered = train(job, {.timeout_s = 60}, true);
  EXPECT_EQ(train(job, {.timeout_s = 60, .rendezvous = true}, true), buffered);
  for (const double loss : buffered.losses) EXPECT_TRUE(std::isfinite(loss));
}

INSTANTIATE_TEST_SUITE_P(Layouts, Experts, ::testing::ValuesIn(layouts()), name_of);

// Drawn logits follow a token's number: every layout has those of one rank.
TEST_F(ExpertRuns, WithARandomGateAgreeWithOneRank) {
  for (const TinyLlama& tiny :
       {TinyLlama{.name = "tp2_dp2_ep4", .tp = 2, .dp = 2, .experts = 8, .ep = 4, .gate = Gate::random},
        TinyLlama{.name = "pp2_cp2_ep2", .pp = 2, .mbs = 2, .cp = 2, .experts = 8, .ep = 2, .gate = Gate::random}}) {
    SCOPED_TRACE(tiny.name);
    const Job job = tiny_llama(tiny);
    expect_allowed(compare(two_steps(job, build_plan(job)), one_rank(tiny)));
  }
}

// A capacity fixes all sizes: what is over is dropped, what is under is padded. Each rank drops of its own tokens, so
// that losses are the layout's.
TEST_F(ExpertRuns, WithACapacityMoveAndHoldWhatTheProgramsSay) {
  for (const TinyLlama& tiny :
       {TinyLlama{.name = "dp2_ep2", .dp = 2, .layers = 2, .experts = 8, .ep = 2, .capacity = 1.0},
        TinyLlama{.name = "tp2_ep2_etp2",
        .tp = 2,
        .dp = 2,
        .layers = 2,
        .experts = 8,
        .ep = 2,
        .etp = 2,
        .capacity = 1.25}}) {
    SCOPED_TRACE(tiny.name);
    const Job job = tiny_llama(tiny);
    for (const double loss : train(job, {.timeout_s = 60}, true).losses) EXPECT_TRUE(std::isfinite(loss));
  }
}

// More room than any expert needs: nothing is dropped, and padding adds nothing.
TEST_F(ExpertRuns, WithRoomForAllAreThoseWithoutACapacity) {
  TinyLlama tiny{.name = "", .dp = 2, .layers = 2, .experts = 4, .ep = 2};
  const Job dropless = tiny_llama(tiny);
  tiny.capacity = 2.0;  // of 16 tokens each expert is chosen by at most 16
  const Job padded = tiny_llama(tiny);
  expect_allowed(compare(two_steps(padded, build_plan(padded)), two_steps(dropless, build_plan(dropless))));
}

// A token goes to at most k experts of one rank: no rank gets more than ep min(k, e) / k of its mean.
TEST_F(ExpertRuns, HoldUnevenRowsWithinTheBound) {
  for (const TinyLlama& tiny :
       {TinyLlama{.name = "dp4_ep4", .dp = 4, .layers = 2, .experts = 8, .ep = 4},
        TinyLlama{.name = "tp2_dp2_ep4", .tp = 2, .dp = 2, .layers = 2, .experts = 4, .ep = 4}}) {
    SCOPED_TRACE(tiny.name);
    const Job job = tiny_llama(tiny);
    const Plan plan = build_plan(job);
    const StepReport report = open_tiny(plan, {.timeout_s = 60})->step(mock_batch(job, 7, 0), StepKind::train);
    const double own = std::min(tiny.top_k, tiny.experts / tiny.ep), bound = tiny.ep * own / tiny.top_k;
    const StageMemoryBytes planned = replay_memory(plan).front();
    RankTraffic sum;
    for (const RankReport& rank : report.ranks) {
      EXPECT_EQ(static_cast<double>(rank.state_bytes), planned.parameters + planned.gradients + planned.optimizer);
      EXPECT_LE(static_cast<double>(rank.peak_value_bytes), bound * (planned.activations + planned.workspace));
      sum += rank.traffic;
    }
    // Whatever one rank sends more, another sends less: rows are neither lost nor doubled on their way there.
    const RankTraffic mean = step_traffic(plan, 0);
    EXPECT_EQ(sum.group[Group::ep].calls, mean.group[Group::ep].calls * job.num_gpus);
    EXPECT_EQ(sum.group[Group::ep].bytes, mean.group[Group::ep].bytes * job.num_gpus);
  }
}

TEST_F(ExpertRuns, AreTheSameBitForBit) {
  const Job job = tiny_llama({.name = "", .tp = 2, .pp = 2, .vp = 2, .dp = 2, .experts = 8, .ep = 4});
  const Course first = train(job, {.timeout_s = 60}, false);
  for (int run = 0; run < 2; ++run) EXPECT_EQ(train(job, {.timeout_s = 60}, false), first);
  EXPECT_EQ(train(job, {.timeout_s = 60, .rendezvous = true}, false), first);
}

// Choices and weights that are data: the balanced gate's own, of one rank, are those of every layout.
TEST_F(ExpertRuns, TakeChoicesFromTheBatch) {
  TinyLlama tiny{.name = "", .layers = 2, .experts = 8, .gate = Gate::given};
  const auto loss = [](const TinyLlama& of) {
    const Job job = tiny_llama(of);
    const Plan plan = build_plan(job);
    Batch batch = mock_batch(job, 7, 0);
    for (std::size_t token = 0; token < batch.tokens.size(); ++token) {
      for (const std::size_t choice : {token % 3, token % 8}) {
        batch.choices.push_back(static_cast<std::int64_t>(choice));
        batch.gate_weights.push_back(0.25F + 0.01F * static_cast<float>(token % 7));
      }
    }
    return open_tiny(plan, {.timeout_s = 60})->step(batch, StepKind::train).loss;
  };
  const double alone = loss(tiny);
  tiny.tp = tiny.dp = 2;
  tiny.ep = 4;
  EXPECT_NEAR(loss(tiny), alone, 1e-5 * alone);
  tiny.gate = Gate::topk;
  EXPECT_GT(std::abs(loss(tiny) - alone), 1e-3 * alone);
}

TEST_F(ExpertRuns, AreRefusedByNameWhereTheEngineLacksSomething) {
  const auto refusal = [](const TinyLlama& tiny, Dispatcher dispatcher) {
    Job job = tiny_llama(tiny);
    job.dispatcher = dispatcher;
    try {
      open_session(engine_library(), build_plan(job), {});
    } catch (const Unsupported& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(refusal({.name = "", .dp = 2, .experts = 8, .ep = 2}, Dispatcher::dedup),
              HasSubstr("by all_to_all alone"));
  EXPECT_THAT(refusal({.name = "", .precision = Precision::fp8cs, .experts = 8}, Dispatcher::all_to_all),
              HasSubstr("the job asks for FP8"));
}

TEST_F(ExpertRuns, ListEveryExpertsTensorsInTheModelsOrder) {
  const Job job = tiny_llama({.name = "", .dp = 2, .layers = 1, .experts = 2, .ep = 2});
  const Plan plan = build_plan(job);
  const auto session = open_session(engine_library(), plan, {});
  std::vector<std::string> names;
  for (const HostTensor& parameter : session->parameters()) {
    if (parameter.name.find(".mlp.") != std::string::npos) names.push_back(parameter.name.substr(15));
  }
  EXPECT_THAT(
      names, ::testing::ElementsAre("mlp.gate.weight", "mlp.experts.0.gate_proj.weight", "mlp.experts.0.up_proj.weight",
                                    "mlp.experts.0.down_proj.weight", "mlp.experts.1.gate_proj.weight",
                                    "mlp.experts.1.up_proj.weight", "mlp.experts.1.down_proj.weight"));
}

}  // namespace
}  // namespace perfbench
