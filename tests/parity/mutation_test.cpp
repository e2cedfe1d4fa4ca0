// Every place of the Programs of a job is broken in every way that mutants.h knows; verify() or the engine's gradients
// against those of one rank must notice. A mutant that nobody notices fails the test.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "base/error.h"
#include "parity/mutants.h"
#include "parity/outcome.h"
#include "parity/tiny_llama.h"
#include "program/infer.h"
#include "program/verify.h"

namespace perfbench {
namespace {

enum class Caught : std::uint8_t { no, gradients, weights, grad_norm, loss, error };

Caught by_engine(const Job& job, const Plan& plan, const Outcome& right) {
  try {
    // Stages that wait for each other in vain end after the timeout.
    const Gaps gaps = compare(two_steps(job, plan, 1.0), right);
    if (gaps.gradient > 1.0) return Caught::gradients;
    if (gaps.weight > 1.0) return Caught::weights;
    if (gaps.grad_norm > 1.0) return Caught::grad_norm;
    return gaps.loss > 1.0 ? Caught::loss : Caught::no;
  } catch (const std::exception&) {
    return Caught::error;
  }
}

bool by_verify(const Plan& plan) {
  try {
    for (const Program& program : plan.kinds) verify(program);
    verify(plan.kinds);
  } catch (const ProgramError&) {
    return true;
  }
  return false;
}

struct Line {
  int mutants = 0, by_verify = 0, tried = 0, survived = 0;
  std::map<Caught, int> by_engine;
};

void print(const std::string& title, const std::map<std::string, Line>& table) {
  std::printf("%s\n%-44s %8s %8s | %6s %9s %8s %10s %6s %6s | %8s\n", title.c_str(), "mutation", "mutants", "verify()",
              "engine", "gradients", "weights", "grad norm", "error", "same", "survived");
  for (const auto& [kind, line] : table) {
    const auto of = [&line = line](Caught caught) {
      const auto it = line.by_engine.find(caught);
      return it == line.by_engine.end() ? 0 : it->second;
    };
    std::printf("%-44s %8d %8d | %6d %9d %8d %10d %6d %6d | %8d\n", kind.c_str(), line.mutants, line.by_verify,
                line.tried, of(Caught::gradients), of(Caught::weights), of(Caught::grad_norm) + of(Caught::loss),
                of(Caught::error), of(Caught::no), line.survived);
  }
}

// All mutants of a job. Those that verify() refuses are tried in the engine, too, where it can run them: one of each
// kind of each chunk kind.
void mutate(const TinyLlama& tiny) {
  const Job job = tiny_llama(tiny);
  const Plan plan = build_plan(job);
  const Outcome right = one_rank(tiny);
  const Gaps gaps = compare(two_steps(job, plan), right);
  expect_allowed(gaps);
  ASSERT_FALSE(by_verify(plan));

  std::map<std::string, Line> table;
  std::map<std::string, int> tried;  // by kind of mutation and chunk kind
  for (const Mutant& mutant : Mutants(plan).all()) {
    Line& line = table[mutant.kind];
    ++line.mutants;
    const bool refused = by_verify(mutant.plan);
    line.by_verify += refused ? 1 : 0;
    const std::string sample = mutant.kind + mutant.where.substr(0, mutant.where.find(" node"));
    const bool tries = !refused || (mutant.runs && tried[sample]++ == 0);
    if (!tries) continue;
    ++line.tried;
    const Caught caught = by_engine(job, mutant.plan, right);
    ++line.by_engine[caught];
    if (refused || caught != Caught::no) continue;
    ++line.survived;
    ADD_FAILURE() << mutant.kind << " at " << mutant.where << " is noticed by nobody";
  }
  print(tiny.name, table);
  EXPECT_GT(table.size(), 50U);
  std::printf("unmutated, worst gap over what is allowed: gradients %.2g, weights %.2g, grad norm %.2g, loss %.2g\n",
              gaps.gradient, gaps.weight, gaps.grad_norm, gaps.loss);
}

class Mutation : public WithEngine {};

TEST_F(Mutation, OfEveryNodeIsNoticedUnderSequenceParallelismAndADistributedOptimizer) {
  mutate({.name = "tp 2, pp 2, vp 2, dp 2, tied, biases, buckets",
          .tp = 2,
          .pp = 2,
          .vp = 2,
          .dp = 2,
          .tied = true,
          .biases = true,
          .bucket_elements = 3000});
}

TEST_F(Mutation, OfEveryNodeIsNoticedUnderFsdp) {
  mutate({.name = "fsdp 2, tp 2, pp 2, tied, biases",
          .tp = 2,
          .pp = 2,
          .dp = 2,
          .tied = true,
          .biases = true,
          .fsdp = true});
}

TEST_F(Mutation, OfEveryNodeIsNoticedUnderFsdpWithReplicas) {
  mutate({.name = "fsdp 2 of 2 replicas, tp 2, biases",
          .tp = 2,
          .dp = 4,
          .biases = true,
          .layers = 1,
          .fsdp = true,
          .fsdp_size = 2});
}

TEST_F(Mutation, OfEveryNodeIsNoticedWithPlainTensorParallelismAndAReplicatedOptimizer) {
  mutate({.name = "tp 2, pp 2, dp 2, tied, no sequence parallelism, replicated optimizer, unfused",
          .tp = 2,
          .pp = 2,
          .dp = 2,
          .tied = true,
          .sequence_parallel = false,
          .distributed_optimizer = false,
          .fused = false});
}

TEST_F(Mutation, OfEveryNodeIsNoticedWithCopiesOfHeads) {
  mutate({.name = "tp 2 of 1 head, dp 2, biases", .tp = 2, .dp = 2, .biases = true, .layers = 1, .heads = 2});
  mutate({.name = "tp 2 of 1 head, fsdp 2", .tp = 2, .dp = 2, .layers = 1, .heads = 2, .fsdp = true});
}

// ep across dp with etp over tp, and ep across tp: rows are carried in every way.
TEST_F(Mutation, OfEveryNodeIsNoticedWithExperts) {
  mutate({.name = "experts, tp 2, dp 2, ep 2, etp 2", .tp = 2, .dp = 2, .layers = 1, .experts = 4, .ep = 2, .etp = 2});
  mutate({.name = "experts, tp 2, fsdp 2, ep 2", .tp = 2, .dp = 2, .layers = 1, .fsdp = true, .experts = 4, .ep = 2});
}

TEST_F(Mutation, OfEveryNodeIsNoticedUnderContextParallelismOnPackedSamples) {
  mutate({.name = "tp 2, cp 2, pp 2, packed", .tp = 2, .pp = 2, .layers = 2, .cp = 2, .packed = true});
}

}  // namespace
}  // namespace perfbench
