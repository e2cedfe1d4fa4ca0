#include "runners/fitting_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "job/varied_job.h"
#include "models/programs.h"
#include "sim/memory.h"

namespace perfbench {
namespace {

struct Change {
  Request request{};
  std::string flags{};
};

template <class Value>
Change change_of(std::optional<Value> Request::*field, Value value, std::string flags) {
  Change change{.flags = std::move(flags)};
  change.request.*field = std::move(value);
  return change;
}

// The fullest stage's bytes; unset where the job has no Programs.
std::optional<double> peak_bytes(const Job& job) {
  try {
    double peak = 0.0;
    for (const StageMemoryBytes& stage : replay_memory(build_plan(job))) peak = std::max(peak, stage.total());
    return peak;
  } catch (const Unsupported&) {
    return std::nullopt;
  }
}

std::optional<FittingChange> tried(const Job& job, const Change& change) {
  std::optional<Job> varied = varied_job(job, change.request);
  if (!varied) return std::nullopt;
  const std::optional<double> peak = peak_bytes(*varied);
  if (!peak || *peak > *job.system.capacity_bytes()) return std::nullopt;
  return FittingChange{.job = std::move(*varied), .flags = change.flags, .peak_memory_bytes = *peak};
}

// With the fewest layers: memory falls with each.
template <class ChangeOf>
std::optional<FittingChange> fewest_layers(const Job& job, int least, int most, const ChangeOf& change_of) {
  std::optional<FittingChange> found = least > most ? std::nullopt : tried(job, change_of(most));
  if (!found) return std::nullopt;
  for (int low = least, high = most; low < high;) {
    const int middle = low + (high - low) / 2;
    if (auto fits = tried(job, change_of(middle))) {
      found = std::move(fits);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return found;
}

int layers_of_largest_chunk(const Job& job) {
  int most = 0;
  for (const ChunkLayers& chunk : job.chunks) most = std::max(most, chunk.count);
  return most;
}

std::vector<Change> smaller_microbatches(const Job& job) {
  std::vector<Change> changes;
  for (std::int64_t mbs = job.mbs - 1; mbs >= 1; --mbs) {
    if (job.mbs % mbs == 0) changes.push_back(change_of(&Request::mbs, mbs, fmt::format("-mb {}", mbs)));
  }
  return changes;
}

std::vector<Change> recomputed_modules(const Job& job) {
  std::vector<Change> changes;
  if (job.recompute_layers > 0 || job.recompute_ops || !job.recompute_modules.empty()) return changes;
  if (job.stack.selective_recompute == SelectiveRecompute::every_second_product)
    changes.push_back(change_of(&Request::recompute, std::string("selective"), "--recompute selective"));
  // Cheap ones: where these do not do, few whole layers cost less than the products of all.
  const std::vector<std::string> sets[] = {{"core_attn"}, {"mlp_act"}};
  for (const std::vector<std::string>& words : sets) {
    changes.push_back(change_of(&Request::recompute_modules, words, "--recompute_modules " + join(words, ",")));
  }
  return changes;
}

std::vector<Change> larger_layouts(const Job& job) {
  constexpr int kDoublings = 4;
  std::vector<Change> changes;
  const ParallelLayout& layout = job.layout;
  const auto grow = [&](std::optional<std::int64_t> Request::*field, const char* flag, std::int64_t size, double most) {
    for (int i = 0; i < kDoublings && static_cast<double>(size *= 2) <= most; ++i)
      changes.push_back(change_of(field, size, fmt::format("{} {}", flag, size)));
  };
  grow(&Request::tp, "-tp", layout.tp, job.system.gpus_per_node.value.value_or(8.0));
  grow(&Request::pp, "-pp", layout.pp, job.num_gpus);
  grow(&Request::cp, "-cp", layout.cp, job.num_gpus);
  if (!layout.fsdp) changes.push_back(change_of(&Request::fsdp, true, "-fsdp 1"));
  return changes;
}

std::optional<FittingChange> first_of(const Job& job, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (auto found = tried(job, change)) return found;
  }
  return std::nullopt;
}

Change recomputed(int layers) {
  Change change = change_of(&Request::recompute_layers, std::int64_t{layers}, fmt::format("-rl {}", layers));
  change.request.recompute_modules.emplace();  // the one excludes the other
  return change;
}

// A larger layout on top of all that costs time alone.
std::optional<FittingChange> two_changes(const Job& job, int layers) {
  for (Change change : larger_layouts(job)) {
    const Change recompute = recomputed(layers);
    change.request = merge(change.request, recompute.request);
    change.request.mbs = 1;
    change.flags = fmt::format("-mb 1 {} {}", recompute.flags, change.flags);
    if (auto found = tried(job, change)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<FittingChange> fitting_change(const Job& job) {
  if (!job.system.capacity_bytes()) return std::nullopt;
  const int layers = layers_of_largest_chunk(job);
  if (auto found = first_of(job, smaller_microbatches(job))) return found;
  if (auto found = first_of(job, recomputed_modules(job))) return found;
  if (auto found = fewest_layers(job, job.recompute_layers + 1, layers, recomputed)) return found;
  if (auto found = first_of(job, larger_layouts(job))) return found;
  const auto offloaded = [](int count) {
    return change_of(&Request::offload_layers, std::int64_t{count}, fmt::format("-ol {}", count));
  };
  if (job.system.host_bandwidth_bytes_per_s.value) {
    if (auto found = fewest_layers(job, job.offload_layers + 1, layers, offloaded)) return found;
  }
  return two_changes(job, layers);
}

}  // namespace perfbench
