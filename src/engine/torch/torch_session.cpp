#include "engine/torch/torch_session.h"

#include <ATen/Parallel.h>

#include <barrier>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "engine/mesh.h"
#include "engine/mock_data.h"
#include "engine/thread_world.h"
#include "engine/torch/executor.h"
#include "engine/torch/state_map.h"

namespace perfbench {
namespace {

RankTraffic traffic_of(const Rank& rank) {
  RankTraffic total;
  for (Axis axis : kAxes) total.axis[axis] = rank.axis[axis]->traffic();
  if (rank.transfers) total.pipeline = rank.transfers->traffic();
  if (rank.shared) total.shared = rank.shared->traffic();
  return total;
}

Traffic operator-(const Traffic& a, const Traffic& b) {
  return {.calls = a.calls - b.calls, .bytes = a.bytes - b.bytes};
}

RankTraffic since(const RankTraffic& now, const RankTraffic& before) {
  RankTraffic moved;
  for (Axis axis : kAxes) moved.axis[axis] = now.axis[axis] - before.axis[axis];
  moved.pipeline = now.pipeline - before.pipeline;
  moved.shared = now.shared - before.shared;
  return moved;
}

// ATen adds a trace of its own calls.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The exception being handled, as what a rank that failed ends a step with.
std::exception_ptr as_run_error(int rank) {
  try {
    throw;
  } catch (const RunError&) {
    return std::current_exception();
  } catch (const std::exception& error) {
    return std::make_exception_ptr(RunError("rank " + std::to_string(rank), first_line(error.what())));
  }
}

// One rank with all that it owns, in the order in which it must come apart: transfers before the buffers.
struct LocalRank {
  std::vector<Chunk> chunks;
  Rank rank;
  std::unique_ptr<Executor> executor;
};

class TorchSession final : public Session {
 public:
  TorchSession(const Job& job, const JobPrograms& programs, const SessionSettings& settings)
      : job_(job),
        mesh_(job.layout),
        world_(mesh_.num_ranks(), {.timeout = std::chrono::milliseconds(std::llround(settings.timeout_s * 1e3)),
                                   .sends = settings.rendezvous ? Sends::rendezvous : Sends::buffered}) {
    at::set_num_threads(1);
    for (int r = 0; r < mesh_.num_ranks(); ++r) ranks_.push_back(make_rank(r, programs, settings));
    for (auto& local : ranks_) states_.push_back({.rank = &local->rank, .chunks = &local->chunks});
    parameters_ = parameters_of(states_, job.layout.pp, job.layout.vp);
    for (const Parameter& p : parameters_) load_parameter(states_, initial(p, settings.seed));
  }

  std::vector<HostTensor> parameters() const override { return listed(false); }
  std::vector<HostTensor> trainable_parameters() const override { return listed(true); }

  void load(const std::function<HostTensor(const std::string& name)>& read) override {
    for (const Parameter& p : parameters_) {
      const HostTensor tensor = read(p.name);
      check(tensor.name == p.name && tensor.shape == p.shape, "session: another tensor than was asked for");
      load_parameter(states_, tensor);
    }
    for (auto& local : ranks_) {
      local->rank.train_steps = 0;
      for (Chunk& chunk : local->chunks) {
        for (Share& share : chunk.shares) {
          share.moment.zero_();
          share.moment2.zero_();
        }
      }
    }
  }

  StepReport step(const Batch& batch, StepKind kind) override {
    const auto wanted = static_cast<std::size_t>(job_.gbs * job_.seq_len);
    check(batch.tokens.size() == wanted && batch.targets.size() == wanted, "session: a batch of another size");
    std::vector<RankTraffic> before;
    for (const auto& local : ranks_) before.push_back(traffic_of(local->rank));
    const std::vector<double> seconds = run_all(batch, kind == StepKind::train);
    return report(seconds, before);
  }

  std::vector<HostTensor> gradients() override { return whole(Part::main_grad); }
  std::vector<OpSeconds> op_seconds() const override { return {}; }
  std::vector<HostTensor> weights() override { return whole(Part::weight); }

 private:
  std::vector<HostTensor> listed(bool trainable_only) const {
    std::vector<HostTensor> list;
    for (const Parameter& p : parameters_) {
      if (p.trainable || !trainable_only)
        list.push_back({.name = p.name, .dtype = p.dtype, .shape = p.shape, .data = {}});
    }
    return list;
  }

  std::unique_ptr<LocalRank> make_rank(int r, const JobPrograms& programs, const SessionSettings& settings) {
    auto local = std::make_unique<LocalRank>();
    Rank& rank = local->rank;
    rank.at = mesh_.at(r);
    rank.optimizer = settings.optimizer;
    rank.num_positions = job_.seq_len;
    const Policy policy = policy_of(job_);
    for (int c = 0; c < job_.layout.vp; ++c) {
      const auto index = JobPrograms::index(c, rank.at.stage, job_.layout.pp);
      local->chunks.push_back(make_chunk(programs.of(c, rank.at.stage, job_.layout.pp), policy,
                                         job_.chunks[index].first, mesh_.replica(rank.at), rank.device));
    }
    for (Axis axis : kAxes) rank.axis[axis] = world_.group(r, mesh_.group(r, axis));
    if (const auto ends = mesh_.ends(r); job_.model.tied_embeddings && !ends.empty()) {
      rank.shared = world_.group(r, ends);
    }
    rank.transfers = world_.transfers(r);
    local->executor = std::make_unique<Executor>(job_, rank, local->chunks, make_in_order_lanes());
    return local;
  }

  static HostTensor initial(const Parameter& parameter, std::uint64_t seed) {
    const std::vector<float> values = initial_weights(parameter.name, parameter.shape, seed);
    HostTensor tensor{.name = parameter.name, .dtype = DType::f32, .shape = parameter.shape, .data = {}};
    tensor.data.resize(values.size() * sizeof(float));
    std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
    return tensor;
  }

  std::vector<HostTensor> whole(Part part) const {
    std::vector<HostTensor> list;
    for (const Parameter& p : parameters_) {
      if (p.trainable || part == Part::weight) list.push_back(whole_parameter(states_, p, part));
    }
    return list;
  }

  // Runs the step on one thread a rank. Seconds by rank, from a common start.
  std::vector<double> run_all(const Batch& batch, bool optimize) {
    std::vector<double> seconds(ranks_.size(), 0.0);
    std::barrier start(static_cast<std::ptrdiff_t>(ranks_.size()));
    std::mutex mutex;
    std::exception_ptr first;
    const auto run = [&](std::size_t r) {
      at::set_num_threads(1);
      start.arrive_and_wait();
      const auto begin = std::chrono::steady_clock::now();
      try {
        ranks_[r]->executor->step(batch, optimize);
      } catch (const std::exception& error) {
        const std::scoped_lock lock(mutex);
        if (!first) first = as_run_error(static_cast<int>(r));
        world_.abort("rank " + std::to_string(r) + ": " + first_line(error.what()));
      }
      seconds[r] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    {
      std::vector<std::jthread> threads;
      threads.reserve(ranks_.size());
      for (std::size_t r = 0; r < ranks_.size(); ++r) threads.emplace_back(run, r);
    }
    if (first) std::rethrow_exception(first);
    return seconds;
  }

  StepReport report(const std::vector<double>& seconds, const std::vector<RankTraffic>& before) const {
    StepReport result;
    double norm_squared = 0.0;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const Rank& rank = ranks_[r]->rank;
      RankReport entry{
          .stage = rank.at.stage, .tp = rank.at.tp, .cp = rank.at.cp, .dp = rank.at.dp, .seconds = seconds[r]};
      for (const Chunk& chunk : ranks_[r]->chunks) entry.state_bytes += chunk.state_bytes;
      entry.peak_value_bytes = rank.ledger.peak;
      entry.traffic = since(traffic_of(rank), before[r]);
      result.ranks.push_back(entry);
      result.seconds = std::max(result.seconds, seconds[r]);
      if (rank.at.tp == 0 && rank.at.stage == job_.layout.pp - 1) result.loss += rank.loss.item<double>();
      if (rank.at.tp == 0 && mesh_.replica(rank.at) == 0) norm_squared += rank.grad_norm_squared;
    }
    result.grad_norm = std::sqrt(norm_squared);
    return result;
  }

  const Job job_;
  const Mesh mesh_;
  ThreadWorld world_;
  std::vector<std::unique_ptr<LocalRank>> ranks_;
  std::vector<RankStates> states_;
  std::vector<Parameter> parameters_;
};

void require_features(const Job& job, const SessionSettings& settings) {
  if (settings.device == Device::cuda) {
    throw Unsupported("measure on cuda", "the engine runs Programs on the CPU only; the CUDA part is not built yet");
  }
  if (policy_of(job).fp8_held) {
    throw Unsupported("fp8 parameters", "the engine holds weights in BF16; the stack " + job.stack.name +
                                            " holds linear weights in FP8 only");
  }
}

}  // namespace

std::unique_ptr<Session> make_torch_session(const Job& job, const JobPrograms& programs,
                                            const SessionSettings& settings) {
  require_features(job, settings);
  return std::make_unique<TorchSession>(job, programs, settings);
}

}  // namespace perfbench
