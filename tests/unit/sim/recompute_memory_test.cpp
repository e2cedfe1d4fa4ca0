// Over random jobs: who computes more again never saves more, and the peak rises by one replay at most.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "models/programs.h"
#include "program/lane_steps.h"
#include "program/liveness.h"
#include "program/operands.h"
#include "sim/memory.h"
#include "unit/support/random_jobs.h"

namespace perfbench {
namespace {

// What one replay holds, of a Program: the results of its ops until the backward has read them, the copies in FP8 of
// the weights of its layer, and gathered weights that nobody else reads.
class ReplayBytes {
 public:
  explicit ReplayBytes(const Program& program) : program_(program), lives_(lifetimes(program)) {
    for (const Node& node : program.forward) note_weights(node.op);
    for (const Node& node : program.backward) {
      if (node.recomputed) layers_.insert(node.layer);
      for (const Operand& operand : collect(node.op)) {
        if (!node.recomputed && operand.reads()) read_otherwise_.insert(operand.id);
      }
    }
  }

  // At its highest, of all layers.
  std::int64_t most() {
    std::int64_t most = 0;
    for (std::size_t i = 0; i < program_.backward.size(); ++i) {
      const Node& node = program_.backward[i];
      hold(node);
      if (node.recomputed) most = std::max(most, held_[node.layer] + held_[kAhead] + scratch_bytes(node.op, program_));
      most = std::max(most, held_[node.layer] + held_[kAhead]);
      for (ValueId id : lives_.backward[i]) {
        if (const auto it = held_by_.find(id); it != held_by_.end()) held_[it->second] -= program_.type(id).bytes();
      }
    }
    return most;
  }

 private:
  static constexpr int kAhead = -2;  // gathered one unit ahead: while the layer before is computed again

  void hold(const Node& node) {
    const bool gathers = std::holds_alternative<GatherShards>(node.op);
    if (!note_weights(node.op) && !node.recomputed) return;
    if (!gathers && !layers_.contains(node.layer)) return;
    for (const Operand& operand : collect(node.op)) {
      if (operand.use != Use::out || (gathers && read_otherwise_.contains(operand.id))) continue;
      held_by_[operand.id] = gathers ? kAhead : node.layer;
      held_[held_by_[operand.id]] += program_.type(operand.id).bytes();
    }
  }

  // Whether the op gathers weights, casts one, or transposes what was made so.
  bool note_weights(const Op& op) {
    const auto* cast = std::get_if<Quantize>(&op);
    const auto* transpose = std::get_if<Transpose>(&op);
    if (!std::holds_alternative<GatherShards>(op) && !(cast != nullptr && cast->of_weight) &&
        !(transpose != nullptr && of_weights_.contains(transpose->x.id))) {
      return false;
    }
    for (const Operand& operand : collect(op)) {
      if (operand.use == Use::out) of_weights_.insert(operand.id);
    }
    return true;
  }

  const Program& program_;
  Lifetimes lives_;
  std::set<int> layers_;  // that are computed again, or parts of them
  std::set<ValueId> of_weights_, read_otherwise_;
  std::map<ValueId, int> held_by_;
  std::map<int, std::int64_t> held_;  // by layer
};

struct Memory {
  std::vector<Liveness> kinds;  // of chunks
  std::vector<StageMemoryBytes> stages;
  std::int64_t replay_bytes = 0;
};

Memory memory_of(const Job& job) {
  const Plan plan = build_plan(job);  // verified
  Memory memory;
  for (const Program& program : plan.kinds) {
    memory.kinds.push_back(liveness(program));
    memory.replay_bytes = std::max(memory.replay_bytes, ReplayBytes(program).most());
  }
  memory.stages = replay_memory(plan);
  return memory;
}

std::string text(const Job& job) {
  const ParallelLayout& l = job.layout;
  const Stack& s = job.stack;
  return fmt::format(
      "{}, stack {}: {} layers, {} x {} tokens, {} on {}, tp {} cp {} pp {} vp {} dp {} fsdp {}, sequence_parallel {} "
      "fp8_params {} regather {} reshard {} defer {} whole {}, lora [{}], recompute {} layers [{}]",
      job.model.name, s.name, job.model.num_layers(), job.mbs, job.seq_len, name(job.precision), job.system.name, l.tp,
      l.cp, l.pp, l.vp, l.dp, l.fsdp, s.sequence_parallel, s.fp8_params, s.regather_in_backward,
      s.fsdp_reshard_after_forward, s.fsdp_defer_grad_reduce, s.recompute_whole_layer,
      job.lora ? join(job.lora->targets, " ") : "", job.recompute_layers, join(job.recompute_modules, " "));
}

void expect_less(const Memory& more, const Memory& less, const Memory& none) {
  for (std::size_t kind = 0; kind < none.kinds.size(); ++kind) {
    const Liveness &live = more.kinds[kind], &without = none.kinds[kind];
    EXPECT_LE(live.saved_bytes, less.kinds[kind].saved_bytes) << "chunk kind " << kind;
    EXPECT_LE(live.forward_peak_bytes, without.forward_peak_bytes + more.replay_bytes) << "chunk kind " << kind;
    EXPECT_LE(live.backward_peak_bytes, without.backward_peak_bytes + more.replay_bytes) << "chunk kind " << kind;
  }
  for (std::size_t stage = 0; stage < none.stages.size(); ++stage) {
    const double most = none.stages[stage].total() + static_cast<double>(more.replay_bytes);
    EXPECT_LE(more.stages[stage].total(), most) << "stage " << stage;
  }
}

// Each of `jobs` computes more again than the one before it.
void expect_falling(const Memory& none, const std::vector<Job>& jobs) {
  Memory before = none;
  for (const Job& job : jobs) {
    SCOPED_TRACE(text(job));
    Memory memory = memory_of(job);
    expect_less(memory, before, none);
    before = std::move(memory);
  }
}

TEST(RecomputeMemory, MoreRecomputationNeverSavesMore) {
  RandomJobs random(6);
  for (int i = 0; i < 400 && !HasFailure(); ++i) {
    const Job plain = random.next();
    const Memory none = memory_of(plain);
    std::vector<Job> layers, parts;
    const int all = plain.model.num_layers();
    for (int count = 1 + random.below(2); count <= all; count += 1 + random.below(all)) {
      layers.push_back(plain);
      layers.back().recompute_layers = count;
    }
    std::vector<std::string> modules;
    for (const std::string& word : random.modules()) {
      modules.push_back(word);
      parts.push_back(plain);
      parts.back().recompute_modules = modules;
    }
    expect_falling(none, layers);
    expect_falling(none, parts);
  }
}

// FP8 on Hopper reads two copies of each weight; few tokens, so that weights weigh more than activations.
TEST(RecomputeMemory, OfGatheredWeightsInFp8) {
  Job job = real_job({.model = "llama3_70b", .stack = "automodel", .dtype = "fp8cs", .layout = {.tp = 4, .dp = 8}});
  job.stack.fsdp_reshard_after_forward = false;
  job.seq_len = 1024;
  const auto peak = [&](int layers) {
    job.recompute_layers = layers;
    return replay_memory(build_plan(job)).front().total();
  };
  EXPECT_LT(peak(40), peak(0));
  EXPECT_LT(peak(80), peak(40));
}

}  // namespace
}  // namespace perfbench
