#include "engine/torch/torch_session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <set>

#include "base/error.h"
#include "engine/comm/abort_signal.h"
#include "engine/comm/thread_group.h"
#include "engine/comm/thread_world.h"
#include "engine/rank_notes.h"
#include "engine/torch/executor.h"
#include "engine/torch/initial_weights.h"
#include "engine/torch/lone_world.h"
#include "engine/torch/nccl_world.h"
#include "engine/torch/run_error.h"
#include "engine/torch/state_map.h"
#include "engine/worker.h"
#include "program/step_traffic.h"

namespace perfbench {
namespace {

RankTraffic traffic_of(const Rank& rank) {
  RankTraffic total;
  for (Group group : kGroups) total.group[group] = rank.group[group]->traffic();
  if (rank.transfers) total.pipeline = rank.transfers->traffic();
  return total;
}

Traffic operator-(const Traffic& a, const Traffic& b) {
  return {.calls = a.calls - b.calls, .bytes = a.bytes - b.bytes};
}

RankTraffic since(const RankTraffic& now, const RankTraffic& before) {
  RankTraffic moved;
  for (Group group : kGroups) moved.group[group] = now.group[group] - before.group[group];
  moved.pipeline = now.pipeline - before.pipeline;
  return moved;
}

std::string reason_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& reason) {
    return first_line(reason.what());
  }
}

// One rank with all that it owns, in the order in which it must come apart: transfers before the buffers.
struct LocalRank {
  explicit LocalRank(int of_world) : number(of_world), thread("rank " + std::to_string(of_world)) {}

  const int number;  // in the world
  std::unique_ptr<Runtime> runtime;
  std::vector<Chunk> chunks;
  Rank rank;
  std::unique_ptr<Executor> executor;
  Worker thread;
};

// All that transfers() will use: whoever sends, to whom, on which channel.
std::vector<NcclLink> links_of(const Plan& plan) {
  const Mesh& mesh = plan.mesh;
  const PipelineShape shape = shortest_alike(plan.pipeline);
  std::set<NcclLink> links;
  for (int rank = 0; rank < mesh.num_ranks(); ++rank) {
    Coordinates at = mesh.at(rank);
    const StageSteps steps(shape, at.stage);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const StageStep step = steps[i];
      if (!step.send) continue;
      at.stage = step.send->peer;
      links.insert({.source = rank, .destination = mesh.rank(at), .channel = step.send->channel});
    }
  }
  return {links.begin(), links.end()};
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1e3));
}

std::unique_ptr<World> make_world(const Plan& plan, const SessionSettings& settings, at::Device device) {
  const Mesh& mesh = plan.mesh;
  const std::chrono::milliseconds timeout = milliseconds(settings.timeout_s);
  const bool alone = settings.device == Device::cuda && mesh.num_ranks() == 1;  // NCCL would reach nobody
  if (settings.slice_stage || alone) return make_lone_world(mesh.num_ranks(), device);
  if (settings.device == Device::cpu) {
    const Sends sends = settings.rendezvous ? Sends::rendezvous : Sends::buffered;
    return std::make_unique<ThreadWorld>(mesh.num_ranks(), ThreadWorldOptions{.timeout = timeout, .sends = sends});
  }
  NcclWorldOptions options{.num_ranks = mesh.num_ranks(),
                           .devices = {},
                           .links = links_of(plan),
                           .share_id = share_nccl_ids_in_memory(milliseconds(settings.open_timeout_s)),
                           .timeout = timeout,
                           .open_timeout = milliseconds(settings.open_timeout_s)};
  for (int rank = 0; rank < mesh.num_ranks(); ++rank) options.devices[rank] = rank;
  return make_nccl_world(options);
}

// The ranks that this process runs, by their number in the world.
std::vector<int> local_ranks(const Mesh& mesh, const SessionSettings& settings) {
  if (settings.slice_stage) {
    check(*settings.slice_stage >= 0 && *settings.slice_stage < mesh.pp, "session: no such stage");
    return {mesh.rank({.stage = *settings.slice_stage})};
  }
  std::vector<int> all(static_cast<std::size_t>(mesh.num_ranks()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

class TorchSession final : public Session {
 public:
  TorchSession(const Plan& plan, const SessionSettings& settings)
      : plan_(plan),
        groups_in_use_(groups_in_use(plan)),
        forbid_waiting_(settings.forbid_waiting),
        notes_(settings.notes ? settings.notes : std::make_shared<RankNotes>(plan.mesh.num_ranks())),
        start_(local_ranks(plan.mesh, settings), stop_, milliseconds(settings.timeout_s)) {
    for (const int number : local_ranks(plan.mesh, settings)) {
      ranks_.push_back(std::make_unique<LocalRank>(number));
      ranks_.back()->runtime = make_runtime(settings.device, static_cast<int>(ranks_.size()) - 1);
    }
    world_ = make_world(plan, settings, ranks_.front()->runtime->device());
    on_all_ranks([&](LocalRank& local) { make_rank(local, settings); });
    for (auto& local : ranks_) states_.push_back(states_of(local->rank, local->chunks));
    parameters_ = parameters_of(states_, plan.pipeline.pp, plan.pipeline.vp);
    load_all([&](const Parameter& p) {
      return initial_weights_on(ranks_.front()->runtime->device(), p.name, p.shape, settings.seed);
    });
  }

  std::vector<HostTensor> parameters() const override { return listed(false); }
  std::vector<HostTensor> trainable_parameters() const override { return listed(true); }

  void load(const std::function<HostTensor(const std::string& name)>& read) override {
    HostTensor tensor;  // its memory lives until it is copied
    load_all([&](const Parameter& p) {
      tensor = read(p.name);
      check(tensor.name == p.name && tensor.shape == p.shape, "session: another tensor than was asked for");
      return on_host(tensor);
    });
    for (auto& local : ranks_) {
      local->rank.train_steps = 0;
      for (Chunk& chunk : local->chunks) {
        for (Share& share : chunk.shares) {
          share.moment.zero_();
          share.moment2.zero_();
        }
      }
    }
    with_run_errors("session", [&] { synchronize(); });
  }

  StepReport step(const Batch& batch, StepKind kind) override {
    const auto wanted = static_cast<std::size_t>(plan_.gbs() * plan_.seq_len);
    check(batch.tokens.size() == wanted && batch.targets.size() == wanted, "session: a batch of another size");
    check(batch.choices.size() == batch.gate_weights.size() && batch.choices.size() % wanted == 0,
          "session: choices of another batch");
    std::vector<RankTraffic> before;
    for (const auto& local : ranks_) before.push_back(traffic_of(local->rank));
    on_all_ranks([&](LocalRank& local) {
      note(local, RankTask::data);
      local.executor->prepare(batch);
    });
    std::vector<double> seconds(ranks_.size(), 0.0);
    on_all_ranks([&](LocalRank& local) { timed_step(local, kind, seconds); });
    on_all_ranks([&](LocalRank& local) {
      note(local, RankTask::device);
      local.executor->collect_op_seconds();
    });
    return with_run_errors("session", [&] { return report(seconds, before); });
  }

  std::vector<OpSeconds> op_seconds() const override {
    std::vector<OpSeconds> all;
    std::set<int> stages;
    for (const auto& local : ranks_) {
      if (!stages.insert(local->rank.at.stage).second) continue;
      const std::vector<OpSeconds> of_stage = local->executor->op_seconds();
      all.insert(all.end(), of_stage.begin(), of_stage.end());
    }
    return all;
  }

  std::vector<HostTensor> gradients() override { return whole(ParameterTensor::main_grad); }
  std::vector<HostTensor> weights() override { return whole(ParameterTensor::weight); }

 private:
  std::vector<HostTensor> listed(bool trainable_only) const {
    std::vector<HostTensor> list;
    for (const Parameter& p : parameters_) {
      if (p.trainable || !trainable_only)
        list.push_back({.name = p.name, .dtype = p.dtype, .shape = p.shape, .data = {}});
    }
    return list;
  }

  void make_rank(LocalRank& local, const SessionSettings& settings) {
    Rank& rank = local.rank;
    rank.at = plan_.mesh.at(local.number);
    rank.device = local.runtime->device();
    rank.optimizer = settings.optimizer;
    rank.num_positions = plan_.seq_len;
    for (int c = 0; c < plan_.pipeline.vp; ++c) {
      const int first_layer = plan_.at(c, rank.at.stage).first_layer;
      local.chunks.push_back(
          make_chunk(plan_.of(c, rank.at.stage), plan_.policy, first_layer, local.number, rank.device));
    }
    for (Group group : kGroups) {
      note(local, RankTask::connect, static_cast<std::size_t>(group));
      const std::vector<int> members =
          groups_in_use_[group] ? plan_.mesh.members(local.number, group) : std::vector<int>{local.number};
      rank.group[group] = world_->group_on(local.number, members, local.runtime->stream(lane_of(group)));
    }
    rank.transfers = world_->transfers_on(local.number, local.runtime->stream(Lane::compute));
    rank.wait = [this, number = local.number, runtime = local.runtime.get()](Lane lane) {
      world_->synchronize(number, runtime->stream(lane));
    };
    local.executor = std::make_unique<Executor>(plan_, rank, local.chunks, *local.runtime, notes_->of(local.number),
                                                settings.time_ops);
    local.runtime->synchronize();  // states are filled before another stream writes into them
  }

  void note(const LocalRank& local, RankTask task, std::size_t count = 0) {
    notes_->of(local.number).store(rank_note(task, 0, 0, count), std::memory_order_relaxed);
  }

  void load_all(const std::function<at::Tensor(const Parameter&)>& whole) {
    ranks_.front()->runtime->enter();
    with_run_errors("session", [&] {
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        note(*ranks_.front(), RankTask::load, i);
        load_parameter(states_, parameters_[i].name, whole(parameters_[i]));
      }
      synchronize();
    });
    note(*ranks_.front(), RankTask::idle);
  }

  // What this thread has given to the devices is done before their ranks' own streams go on.
  void synchronize() {
    for (auto& local : ranks_) local->runtime->synchronize();
  }

  std::vector<HostTensor> whole(ParameterTensor part) const {
    return with_run_errors("session", [&] {
      std::vector<HostTensor> list;
      for (const Parameter& p : parameters_) {
        if (p.trainable || part == ParameterTensor::weight) list.push_back(whole_parameter(states_, p, part));
      }
      return list;
    });
  }

  // On the thread of each rank, with its device. Throws the first rank's error; the others are told to stop.
  void on_all_ranks(const std::function<void(LocalRank&)>& work) {
    std::mutex mutex;
    std::exception_ptr first;
    const auto run = [&](LocalRank& local) {
      try {
        local.runtime->enter();
        work(local);
      } catch (const std::exception&) {
        const std::string name = "rank " + std::to_string(local.number);
        const std::exception_ptr error = as_run_error(name);
        const std::scoped_lock lock(mutex);
        if (!first) first = error;
        stop(name + ": " + reason_of(error));
      }
      note(local, RankTask::idle);
    };
    for (auto& local : ranks_) note(*local, RankTask::called);
    for (auto& local : ranks_) local->thread.start([&run, &local] { run(*local); });
    for (auto& local : ranks_) local->thread.wait();
    if (first) std::rethrow_exception(first);
  }

  // All ranks leave what they wait in.
  void stop(const std::string& reason) {
    if (world_) world_->abort(reason);
    stop_.set(reason);
    stop_.wake();
  }

  void timed_step(LocalRank& local, StepKind kind, std::vector<double>& seconds) {
    const auto index = static_cast<std::size_t>(
        std::find_if(ranks_.begin(), ranks_.end(), [&](const auto& own) { return own.get() == &local; }) -
        ranks_.begin());
    local.runtime->reset_peak();
    note(local, RankTask::start);
    start_.meet(static_cast<int>(index));
    const auto begin = std::chrono::steady_clock::now();
    local.runtime->forbid_waiting(forbid_waiting_);
    local.executor->step(kind == StepKind::train);
    local.runtime->forbid_waiting(false);
    note(local, RankTask::device);
    world_->synchronize(local.number, local.runtime->stream(Lane::compute));
    local.runtime->synchronize();
    seconds[index] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
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
      entry.device_peak_bytes = ranks_[r]->runtime->peak_bytes();
      result.ranks.push_back(entry);
      for (const std::string& remark : rank.remarks) {
        if (std::ranges::find(result.remarks, remark) == result.remarks.end()) result.remarks.push_back(remark);
      }
      result.seconds = std::max(result.seconds, seconds[r]);
      if (rank.at.tp == 0) result.loss += ranks_[r]->executor->loss().item<double>();
      if (rank.at.tp == 0 && plan_.mesh.index(ranks_[r]->number, Group::copies) == 0)
        norm_squared += rank.grad_norm_squared.item<double>();
    }
    result.grad_norm = std::sqrt(norm_squared);
    return result;
  }

  const Plan plan_;
  const PerGroup<bool> groups_in_use_;  // the others are not connected
  const bool forbid_waiting_;
  const std::shared_ptr<RankNotes> notes_;
  AbortSignal stop_;   // outlives start_
  ThreadGroup start_;  // where steps start
  std::unique_ptr<World> world_;
  std::vector<std::unique_ptr<LocalRank>> ranks_;
  std::vector<RankStates> states_;
  std::vector<Parameter> parameters_;
};

bool has_experts(const Plan& plan) {
  return std::ranges::any_of(plan.kinds, [](const Program& program) {
    return std::ranges::any_of(program.values, [](const Value& value) { return value.view == View::expert; });
  });
}

void require_features(const Plan& plan) {
  if (plan.policy.fp8_held) {
    throw Unsupported("fp8 parameters", "the engine holds weights in BF16; the stack holds linear weights in FP8 only");
  }
  if (!has_experts(plan)) return;
  if (plan.policy.dispatcher != Dispatcher::all_to_all) {
    throw Unsupported("dispatcher " + std::string(name(plan.policy.dispatcher)),
                      "the engine sends rows to experts by all_to_all alone");
  }
  if (plan.policy.fp8) {
    throw Unsupported("fp8 experts", "the engine multiplies rows of experts in BF16 and FP32; the job asks for FP8");
  }
}

}  // namespace

std::unique_ptr<Session> make_torch_session(const Plan& plan, const SessionSettings& settings) {
  require_features(plan);
  return with_run_errors("session", [&] { return std::make_unique<TorchSession>(plan, settings); });
}

}  // namespace perfbench
